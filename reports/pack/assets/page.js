// Searches the rows of this page, and those of population.ndjson files that the reader opens. Reads no network and
// writes text only as text.
(() => {
  const MOST = 200;
  const byId = (id) => document.getElementById(id);
  const rows = [];
  for (const block of document.querySelectorAll('script[type="application/json"]'))
    for (const row of JSON.parse(block.textContent)) rows.push({ row, text: row.join('\n').toLowerCase() });
  const cell = (line, text, mono) => {
    const made = line.insertCell();
    made.textContent = text;
    if (mono) made.className = 'mono';
  };
  const show = () => {
    const words = byId('words').value.toLowerCase().split(/\s+/).filter(Boolean);
    const test = byId('test').value;
    const verdict = byId('verdict').value;
    const body = byId('rows');
    body.replaceChildren();
    let found = 0;
    for (const { row, text } of rows) {
      if (test !== '' && row[0] !== test) continue;
      if (verdict !== '' && row[4] !== verdict) continue;
      if (!words.every((word) => text.includes(word))) continue;
      found += 1;
      if (found > MOST) continue;
      const line = body.insertRow();
      cell(line, row[0]);
      cell(line, row[4]);
      cell(line, row[2], true);
      cell(line, row[3].replace('T', ' ').replace(/(?:\.0+)?Z$/, ''));
      cell(line, [row[5], row[7], row[6] && `stratum: ${row[6]}`].filter(Boolean).join(' - '));
      cell(line, [row[8], row[9] && `also ${row[9]}`].filter(Boolean).join(' '), true);
    }
    const more = found > MOST ? `, the first ${MOST} shown` : '';
    byId('count').textContent =
      `${found} of ${rows.length} rows${more}.${found === 0 ? ' Try fewer words, another test, or any verdict.' : ''}`;
  };
  const load = async (files) => {
    for (const file of files) {
      const test = /T-\d+[a-z]?/.exec(file.webkitRelativePath || file.name)?.[0] ?? file.name;
      for (const line of (await file.text()).split('\n')) {
        if (line === '') continue;
        const one = JSON.parse(line);
        const row = [
          test,
          one.key,
          one.item,
          one.at,
          one.verdict,
          one.attribute ?? '',
          one.stratum ?? '',
          one.finding ?? '',
        ];
        row.push(one.evidence.join(' '), one.aliases.join(' '));
        rows.push({ row, text: row.join('\n').toLowerCase() });
      }
    }
    show();
  };
  for (const id of ['words', 'test', 'verdict']) byId(id).addEventListener('input', show);
  byId('files').addEventListener('change', (event) => {
    load([...event.target.files]).catch((error) => {
      byId('count').textContent = `This file cannot be read: ${error.message}`;
    });
  });
  byId('search').addEventListener('submit', (event) => event.preventDefault());
  byId('search').hidden = false;
  show();
})();
