-- SPDX-License-Identifier: GPL-2.0-or-later
-- Hosts with stuck vCPUs, and their causes.
SELECT host, count(DISTINCT id) AS dumps, count(*) AS vcpus, group_concat(DISTINCT cause) AS causes,
       min(time) AS first_seen, max(time) AS last_seen
  FROM cause WHERE state = 'stuck' GROUP BY host ORDER BY dumps DESC, vcpus DESC, host;
