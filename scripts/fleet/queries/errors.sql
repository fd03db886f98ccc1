-- SPDX-License-Identifier: GPL-2.0-or-later
-- Files without an answer, by the kind of error.
SELECT error_class, count(*) AS files, error, min(file) AS such_as
  FROM answer WHERE error_class IS NOT NULL GROUP BY error_class, replace(error, file, 'FILE') ORDER BY files DESC, error;
