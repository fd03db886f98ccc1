-- SPDX-License-Identifier: GPL-2.0-or-later
-- Fingerprints of stuck vCPUs: since when, where first, how often.
SELECT fingerprint, cause, min(time) AS first_seen, release AS release_then, file AS file_then,
       count(DISTINCT id) AS dumps, count(*) AS vcpus
  FROM cause WHERE state = 'stuck' GROUP BY fingerprint ORDER BY first_seen, fingerprint;
