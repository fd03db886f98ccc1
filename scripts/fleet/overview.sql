-- SPDX-License-Identifier: GPL-2.0-or-later
-- Print the body of DIR/index.html: run by "fleet overview". Names come from dumps and directories: each is escaped.
.mode list
.separator ""
.headers off

CREATE TEMP VIEW shown AS
	SELECT cause, state, id, time, vcpu, file, certainty,
	       replace(replace(replace(cause, '&', '&amp;'), '<', '&lt;'), '"', '&quot;') AS cause_html,
	       replace(replace(replace(coalesce(release, 'not known'), '&', '&amp;'), '<', '&lt;'), '"', '&quot;') AS release_html,
	       release, coalesce(substr(time, 1, 7), 'not known') AS month
	  FROM main.cause WHERE state = 'stuck';
CREATE TEMP VIEW file_html AS
	SELECT a.*, replace(replace(replace(file, '&', '&amp;'), '<', '&lt;'), '"', '&quot;') AS name_html,
	       replace(replace(replace(coalesce(release, ''), '&', '&amp;'), '<', '&lt;'), '"', '&quot;') AS release_html,
	       replace(replace(replace(coalesce(host, ''), '&', '&amp;'), '<', '&lt;'), '"', '&quot;') AS host_html,
	       replace(replace(replace(coalesce(error, ''), '&', '&amp;'), '<', '&lt;'), '"', '&quot;') AS error_html
	  FROM answer AS a;

SELECT '<h1>KVM page faults: ', count(*), ' dumps</h1><p>', coalesce(sum(stuck > 0), 0), ' with stuck vCPUs, ',
       coalesce(sum(stuck = 0 AND unknown > 0), 0), ' with vCPUs in an unknown state but none that is stuck, ',
       count(*) - count(error_class) - coalesce(sum(stuck > 0 OR unknown > 0), 0), ' with neither, ',
       count(error_class), ' without an answer.</p>'
  FROM answer;

SELECT '<h2>Causes over time</h2><p>Dumps with a vCPU that is stuck for this reason, by the month of the dump.</p>';
SELECT '<table><tr><th>month<th>cause<th class="n">dumps<th></tr>';
SELECT '<tr><td>', month, '<td><a href="#', cause_html, '">', cause_html, '</a><td class="n">', dumps,
       '<td class="bar"><span style="width:', printf('%.1f', 100.0 * dumps / max(dumps) OVER ()), '%"></span></tr>'
  FROM (SELECT month, cause_html, count(DISTINCT id) AS dumps FROM shown GROUP BY month, cause_html)
 ORDER BY month, dumps DESC, cause_html;
SELECT '</table>';

SELECT '<h2>Releases</h2><table><tr><th>release<th class="n">dumps<th class="n">with stuck vCPUs<th>causes</tr>';
SELECT '<tr><td class="k">', r.release_html, '<td class="n">', count(*), '<td class="n">', coalesce(sum(r.stuck > 0), 0), '<td>',
       coalesce((SELECT group_concat('<a href="#' || c.cause_html || '">' || c.cause_html || '</a> ' || c.dumps, ', ')
		   FROM (SELECT cause_html, count(DISTINCT id) AS dumps FROM shown
			  WHERE shown.release = r.release GROUP BY cause_html ORDER BY dumps DESC, cause_html) AS c), ''), '</tr>'
  FROM file_html AS r WHERE r.error_class IS NULL GROUP BY r.release ORDER BY min(r.time), r.release;
SELECT '</table><h2>Causes</h2>';

SELECT '<h3 id="' || cause_html || '">' || cause_html || '</h3><table><tr><th>dump<th>release<th>time<th>stuck vCPUs</tr>' || rows || '</table>'
  FROM (SELECT cause_html, count(*) AS dumps, group_concat(row, '') AS rows
	  FROM (SELECT s.cause_html, '<tr><td>' ||
		       CASE WHEN r.name IS NULL THEN f.name_html
			    ELSE '<a href="reports/' || f.id || '.html">' || f.name_html || '</a>' END ||
		       '<td class="k">' || f.release_html || '<td class="k">' || coalesce(f.time, '') || '<td>' ||
		       group_concat(s.vcpu || ' (' || s.certainty || ')', ', ') || '</tr>' AS row
		  FROM shown AS s JOIN file_html AS f ON f.id = s.id
		  LEFT JOIN fsdir('reports') AS r ON r.name = 'reports/' || f.id || '.html'
		 GROUP BY s.cause_html, f.id ORDER BY s.cause_html, f.time, f.file)
	 GROUP BY cause_html)
 ORDER BY dumps DESC, cause_html;

SELECT '<h2>Files without an answer</h2><table><tr><th>file<th>error<th>kind</tr>';
SELECT '<tr><td>', name_html, '<td>', error_html, '<td>', error_class, '</tr>'
  FROM file_html WHERE error_class IS NOT NULL ORDER BY error_class, file;
SELECT '</table></body></html>';
