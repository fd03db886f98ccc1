-- SPDX-License-Identifier: GPL-2.0-or-later
-- Causes of stuck vCPUs by release, the most frequent first.
SELECT cause, release, count(DISTINCT id) AS dumps, count(*) AS vcpus
  FROM cause WHERE state = 'stuck' GROUP BY cause, release ORDER BY dumps DESC, vcpus DESC, cause, release;
