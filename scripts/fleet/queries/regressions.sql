-- SPDX-License-Identifier: GPL-2.0-or-later
-- Causes that no older release has, though there are dumps of one.
SELECT c.cause, c.release, r.first_seen AS release_first_seen, count(DISTINCT c.id) AS dumps_with_cause,
       r.dumps AS dumps_of_release,
       (SELECT sum(o.dumps) FROM release AS o WHERE o.first_seen < r.first_seen) AS older_dumps_without
  FROM cause AS c JOIN release AS r USING (release)
 WHERE c.state = 'stuck'
   AND EXISTS (SELECT 1 FROM release AS o WHERE o.first_seen < r.first_seen)
   AND NOT EXISTS (SELECT 1 FROM cause AS e JOIN release AS o USING (release)
		    WHERE e.cause = c.cause AND e.state = 'stuck' AND o.first_seen < r.first_seen)
 GROUP BY c.cause, c.release ORDER BY dumps_with_cause DESC, c.cause;
