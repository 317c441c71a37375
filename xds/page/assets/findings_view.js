// What is wrong in the configuration. Errors come first; each says where to go and mend it.

import { h } from './dom.js';
import { icon } from './parts.js';

export function findingsView(state) {
  if (!state.loaded) return [];
  const findings = [...state.findings].sort((a, b) => (a.severity === 'error' ? 0 : 1) - (b.severity === 'error' ? 0 : 1));
  if (!findings.length) return [h('p', { class: 'empty' }, 'The configuration has no errors and no warnings.')];
  return [h('ul', { class: 'findings' }, findings.map((finding, index) =>
    h('li', { class: 'card', 'data-key': `${finding.text} ${index}` },
      h('p', { class: 'what' },
        h('span', { class: `badge ${finding.severity === 'error' ? 'bad' : 'warn'}` },
          icon(finding.severity === 'error' ? 'cross' : 'question'), finding.severity === 'error' ? 'Error' : 'Warning'),
        h('strong', null, finding.resource || finding.file)),
      h('p', null, finding.path && h('code', null, finding.path), finding.path ? ' ' : '', finding.message),
      finding.file && h('p', { class: 'where' }, finding.line ? `${finding.file}, line ${finding.line}` : finding.file))))];
}
