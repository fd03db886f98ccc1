-- SPDX-License-Identifier: GPL-2.0-or-later
-- Releases: dumps, states of their vCPUs.
SELECT release, min(time) AS first_seen, count(*) AS dumps, sum(vcpus) AS vcpus, sum(stuck) AS stuck,
       sum(unknown) AS unknown, sum(progressing) AS progressing, sum(waiting) AS waiting, sum(healthy) AS healthy
  FROM answer WHERE error_class IS NULL GROUP BY release ORDER BY first_seen, release;
