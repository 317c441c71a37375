// What a page must have so that everybody can use it. The body of a function that returns one line per fault: run in the
// page by test_page.py. It computes contrasts from what the browser really painted.

const faults = [];
const visible = (node) => {
  const box = node.getBoundingClientRect();
  return box.width > 0 && box.height > 0 && getComputedStyle(node).visibility !== 'hidden'
    && !node.closest('.unseen, .skip, [aria-hidden="true"], dialog:not([open])');
};
const describe = (node) => `<${node.nodeName.toLowerCase()} class="${node.getAttribute('class') ?? ''}"> ${node.textContent.trim().slice(0, 40)}`;

// The page as a whole
if (!document.documentElement.lang) faults.push('html has no lang');
if (!document.title) faults.push('no title');
for (const landmark of ['header', 'main', 'nav']) if (!document.querySelector(landmark)) faults.push(`no ${landmark}`);
if (document.querySelectorAll('h1').length !== 1) faults.push('not exactly one h1');
const ids = [...document.querySelectorAll('[id]')].map((node) => node.id);
for (const id of ids) if (ids.filter((other) => other === id).length > 1) faults.push(`id ${id} twice`);
for (const node of document.querySelectorAll('[aria-labelledby], [aria-describedby]')) {
  for (const id of `${node.getAttribute('aria-labelledby') ?? ''} ${node.getAttribute('aria-describedby') ?? ''}`.trim().split(/\s+/)) {
    if (!document.getElementById(id)) faults.push(`${describe(node)} names ${id}, which is not there`);
  }
}

// Headings without gaps
let level = 0;
for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
  if (!visible(heading)) continue;
  const own = Number(heading.nodeName[1]);
  if (own > level + 1) faults.push(`${describe(heading)} comes after a heading of level ${level}`);
  level = own;
}

// Names
const nameOf = (node) => (node.getAttribute('aria-label') ?? document.getElementById(node.getAttribute('aria-labelledby'))?.textContent
  ?? node.textContent).trim();
for (const node of document.querySelectorAll('a, button, summary, [role=img], [role=group], nav')) {
  if (!nameOf(node) && !node.closest('dialog:not([open])')) faults.push(`${describe(node)} has no name`);
}
for (const image of document.querySelectorAll('img')) if (!image.hasAttribute('alt')) faults.push('an img has no alt');
for (const svg of document.querySelectorAll('svg')) {
  if (svg.getAttribute('role') !== 'img' && svg.getAttribute('aria-hidden') !== 'true') faults.push('an svg is neither image nor decoration');
}

// Tables
for (const table of document.querySelectorAll('table')) {
  if (!table.caption?.textContent.trim()) faults.push(`a table has no caption: ${describe(table)}`);
  for (const head of table.querySelectorAll('th')) if (!head.scope) faults.push(`${describe(head)} has no scope`);
  for (const row of table.rows) {
    if (row.cells.length !== table.rows[0].cells.length) faults.push(`${describe(row)} has another number of cells than its table`);
  }
}

// Targets that a finger meets
for (const button of document.querySelectorAll('button')) {
  const box = button.getBoundingClientRect();
  if (visible(button) && box.height < 40) faults.push(`${describe(button)} is only ${box.height} high`);
}

// Contrast of every text against what is painted behind it
const parse = (color) => {
  const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
  return { r, g, b, a };
};
const luminance = ({ r, g, b }) => {
  const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const ground = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const color = parse(getComputedStyle(at).backgroundColor);
    if (color.a === 1) return color;
    if (color.a > 0) faults.push(`${describe(at)} has a half transparent background, which is not judged here`);
  }
  return { r: 255, g: 255, b: 255, a: 1 };
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const node = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !visible(node)) continue;
  const style = getComputedStyle(node);
  const color = parse(node instanceof SVGElement ? style.fill : style.color);
  const [light, dark] = [luminance(color), luminance(ground(node))].sort((a, b) => b - a);
  const contrast = (light + 0.05) / (dark + 0.05);
  if (contrast < 4.5) faults.push(`${describe(node)}: contrast ${contrast.toFixed(2)}`);
}

// What is live must be told, and told quietly
const live = [...document.querySelectorAll('[aria-live], [role=status], [role=alert]')];
if (!live.length) faults.push('nothing tells of changes');
for (const node of live) if (node.querySelector('table, svg[role=img]')) faults.push(`${describe(node)} would read out numbers all the time`);

return [...new Set(faults)];
