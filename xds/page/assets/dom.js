// Elements from descriptions, and the difference between two trees into the document. Text only ever becomes text.

const SVG = 'http://www.w3.org/2000/svg';
const SVG_NAMES = new Set(['svg', 'path', 'line', 'rect', 'circle', 'text', 'g', 'title', 'desc', 'polyline', 'tspan',
  'clipPath', 'defs']);

// h('p', { class: 'empty' }, 'No ', h('b', null, 'data')). Children may be lists; null and false are left out.
export function h(name, attributes, ...children) {
  const node = SVG_NAMES.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(key, value === true ? '' : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// Makes the children of `parent` those of `wanted` (a list) while it keeps every node that can stay: so focus,
// selection, scrolling and opened details survive. Elements with data-key are matched by it, others by position.
export function patch(parent, wanted) {
  patchChildren(parent, wanted.flat(Infinity).filter(Boolean));
}

function patchChildren(parent, wanted) {
  const keyed = new Map();
  for (const child of parent.children) if (child.dataset?.key) keyed.set(child.dataset.key, child);
  let at = parent.firstChild;
  for (const want of wanted) {
    const key = want.dataset?.key;
    let have = key ? keyed.get(key) : at;
    if (have && !alike(have, want)) have = null;
    if (!have) {
      parent.insertBefore(want, at);
      continue;
    }
    if (have === at) at = at.nextSibling;
    else parent.insertBefore(have, at);
    patchNode(have, want);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function alike(have, want) {
  return have.nodeType === want.nodeType && have.nodeName === want.nodeName
    && (have.dataset?.key ?? '') === (want.dataset?.key ?? '');
}

function patchNode(have, want) {
  if (have.nodeType === Node.TEXT_NODE) {
    if (have.data !== want.data) have.data = want.data;
    return;
  }
  for (const { name } of [...have.attributes]) {
    // Whether details are open is the reader's choice after the first time.
    if (!want.hasAttribute(name) && !(name === 'open' && have.nodeName === 'DETAILS')) have.removeAttribute(name);
  }
  for (const { name, value } of want.attributes) {
    if (name === 'open' && have.nodeName === 'DETAILS') continue;
    if (have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  patchChildren(have, [...want.childNodes]);
}
