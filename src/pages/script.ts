/**
 * The one script: filters tables while somebody types, sorts them, copies texts, prints. Everything can be read and done
 * without it: filters are forms, and what it adds is hidden until it runs.
 */
export const script = `'use strict';
for (const form of document.querySelectorAll('form[data-filter]')) {
  const table = document.getElementById(form.dataset.filter);
  const status = form.querySelector('[role=status]');
  if (!table) continue;
  const apply = () => {
    const wanted = Object.fromEntries(new FormData(form));
    let shown = 0, all = 0;
    for (const row of table.tBodies[0].rows) {
      const fits = Object.entries(wanted).every(([name, value]) => {
        if (value === '' || name === 'code' || name === 'sort') return true;
        const held = row.dataset[name] || '';
        return name === 'q' ? held.includes(value.trim().toLowerCase()) : held.split(' ').includes(value);
      });
      row.hidden = !fits;
      all += 1;
      if (fits) shown += 1;
    }
    if (status) status.textContent = shown === all ? status.dataset.all : shown === 0 ? 'Nothing fits the filter' : shown + ' of ' + all + ' shown';
  };
  form.addEventListener('input', apply);
  // Where rows were left out, the server has to filter.
  if (form.dataset.complete === 'yes') form.addEventListener('submit', (event) => { event.preventDefault(); apply(); });
}
for (const link of document.querySelectorAll('th a[data-sort]')) {
  link.addEventListener('click', (event) => {
    const cell = link.closest('th'), table = link.closest('table');
    event.preventDefault();
    const up = cell.getAttribute('aria-sort') !== 'ascending';
    for (const other of table.querySelectorAll('th[aria-sort]')) other.removeAttribute('aria-sort');
    cell.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const key = (row) => row.cells[cell.cellIndex].dataset.k || row.cells[cell.cellIndex].textContent.trim().toLowerCase();
    const rows = [...table.tBodies[0].rows].sort((a, b) => key(a).localeCompare(key(b), 'en', { numeric: true }) * (up ? 1 : -1));
    table.tBodies[0].append(...rows);
  });
}
for (const button of document.querySelectorAll('button[data-copy]')) {
  const text = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(text);
      button.textContent = 'Press Ctrl+C';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 3000);
  });
}
for (const button of document.querySelectorAll('button[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => print());
}
`;
