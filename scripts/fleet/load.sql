-- SPDX-License-Identifier: GPL-2.0-or-later
-- Make the tables of fleet.db from the files below runs/: run by "fleet load", in the fleet's directory.
PRAGMA journal_mode = off;
PRAGMA synchronous = off;

CREATE TEMP TABLE name (run INTEGER, file TEXT, dir TEXT);
CREATE TEMP TABLE job (run INTEGER, job INTEGER, host TEXT);
CREATE TEMP TABLE line (run INTEGER, job INTEGER, line TEXT);

.mode ascii
.separator "\037" "\n"
.import "|awk -v OFS='\037' '{ split(FILENAME, part, \"/\"); n = split($0, name, \"/\"); print part[2], $0, name[n - 1] }' runs/*/files" name
.import "|find runs -path 'runs/*/jobs' -exec awk -F '\t' -v OFS='\037' '$1 ~ /^[0-9]+$/ { split(FILENAME, part, \"/\"); print part[2], $1, $2 }' {} +" job
.import "|find runs -path 'runs/*/answers/*' -name '*[0-9]' -exec awk -v OFS='\037' '{ split(FILENAME, part, \"/\"); print part[2], part[4], $0 }' {} +" line

-- The line of a job that was killed may be incomplete.
CREATE TEMP TABLE parsed AS
	SELECT run, job, line ->> '$.file' AS file, line FROM line WHERE json_valid(line) AND line ->> '$.command' = 'batch';
CREATE INDEX temp.parsed_file ON parsed (file, run);

-- One row for each file: the answer of the last run that has one, or why there is none.
CREATE TABLE answer (
	id INTEGER PRIMARY KEY,
	file TEXT NOT NULL UNIQUE,
	host TEXT, -- the directory that the dump is in, up to a date; kdump's own names: HOST-DATE/vmcore
	asked_on TEXT, -- where GNU parallel ran the job; ":" is the machine that ran fleet
	release TEXT, vendor TEXT, paging TEXT, build_id TEXT,
	time TEXT, -- of the dump, by the clock of its kernel
	error_class TEXT, -- NULL: there is an answer; "lost": the job was killed, or has not run yet
	error TEXT,
	vms INTEGER, vcpus INTEGER,
	stuck INTEGER, unknown INTEGER, progressing INTEGER, waiting INTEGER, healthy INTEGER, never_ran INTEGER,
	not_readable INTEGER,
	json TEXT,
	worth_a_report INTEGER GENERATED ALWAYS AS
		(error_class IS NULL AND (stuck > 0 OR unknown > 0 OR json_array_length(json, '$.vcpus') > 0))
);
INSERT INTO answer (file, host, asked_on, release, vendor, paging, build_id, time, error_class, error, vms, vcpus,
		    stuck, unknown, progressing, waiting, healthy, never_ran, not_readable, json)
	SELECT n.file,
	       CASE WHEN instr(n.dir, '-20') > 1 THEN substr(n.dir, 1, instr(n.dir, '-20') - 1) ELSE n.dir END,
	       j.host, a.line ->> '$.source.release', a.line ->> '$.source.vendor', a.line ->> '$.source.paging',
	       a.line ->> '$.build_id', a.line ->> '$.time',
	       CASE WHEN a.line IS NULL THEN 'lost' ELSE a.line ->> '$.error_class' END,
	       CASE WHEN a.line IS NULL THEN 'no job has answered' ELSE a.line ->> '$.error' END,
	       a.line ->> '$.summary.vms', a.line ->> '$.summary.vcpus', a.line ->> '$.summary.stuck',
	       a.line ->> '$.summary.unknown', a.line ->> '$.summary.progressing', a.line ->> '$.summary.waiting',
	       a.line ->> '$.summary.healthy', a.line ->> '$.summary.never_ran', a.line ->> '$.summary.not_readable',
	       a.line
	  FROM (SELECT DISTINCT file, dir FROM name) AS n
	  LEFT JOIN parsed AS a ON a.rowid = (SELECT p.rowid FROM parsed AS p WHERE p.file = n.file
					       ORDER BY p.run DESC, p.rowid DESC LIMIT 1)
	  LEFT JOIN job AS j ON j.run = a.run AND j.job = a.job
	 ORDER BY n.file;

-- The vCPUs that are stuck, in an unknown state, or have a finding above a note.
CREATE TABLE vcpu (
	answer INTEGER NOT NULL REFERENCES answer (id),
	vcpu TEXT NOT NULL, owner TEXT, state TEXT NOT NULL, certainty TEXT,
	cause TEXT, -- the first finding; NULL: there is none
	fingerprint TEXT, -- equal for vCPUs with the same state and the same causes
	PRIMARY KEY (answer, vcpu)
);
INSERT INTO vcpu
	SELECT a.id, v.value ->> '$.vcpu', v.value ->> '$.owner', v.value ->> '$.state', v.value ->> '$.certainty',
	       v.value ->> '$.cause', v.value ->> '$.fingerprint'
	  FROM answer AS a, json_each(a.json, '$.vcpus') AS v;
CREATE INDEX vcpu_cause ON vcpu (cause);

-- When each release was first seen, by the clocks of the dumps: names of releases do not sort.
CREATE VIEW release AS
	SELECT release, min(time) AS first_seen, max(time) AS last_seen, count(*) AS dumps, sum(stuck > 0) AS with_stuck
	  FROM answer WHERE error_class IS NULL GROUP BY release;
CREATE VIEW cause AS
	SELECT coalesce(v.cause, 'no cause known') AS cause, v.state, a.release, a.host, a.time, a.file, a.id, v.vcpu,
	       v.certainty, v.fingerprint
	  FROM vcpu AS v JOIN answer AS a ON a.id = v.answer;
