// The code editor: CodeMirror 6 as a Streamlit component (explainer/ui/editor.py mounts it).
//
//   data {text, version, hints, marks, links, spots, for_code, ...} ──▶ editor ──▶ typed {text, version, runs}
//   expression under the pointer or the caret ◀──▶ elements of class pg-e<id> anywhere in the page
//
// Python owns the text only when `version` changes; otherwise what the user typed stands, so a rerun
// never moves the cursor. Hints, marks and links count only for the text they were computed from.
import { Annotation, EditorState, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration, EditorView, WidgetType, drawSelection, highlightActiveLine, highlightActiveLineGutter,
  keymap, lineNumbers, placeholder, showTooltip,
} from '@codemirror/view';
import { defaultKeymap, history, historyKeymap, indentWithTab, insertNewlineAndIndent } from '@codemirror/commands';
import { python } from '@codemirror/lang-python';
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { tags } from '@lezer/highlight';

const DEBOUNCE_MS = 300;
const REST_MS = 60; // the pointer must rest this long on an expression
const NARROW_PX = 400; // below this, hints are short
const REGAIN_MS = 100;
const REGAIN_TRIES = 60; // Streamlit takes what is gone out of the page only when its rerun has ended

const fromPython = Annotation.define();
const setNotes = StateEffect.define();
const setLink = StateEffect.define(); // {link, from, to, tooltip} of the expression pointed at, null for none
const setOutside = StateEffect.define(); // the ranges of the equation pointed at outside of the editor
const editors = new WeakMap();
const unsent = new Map(); // editor name -> {version, base, text}: it left the page before Python had its text

let pressed = null; // the element that Enter or the space bar was pressed on last, by keyboard only

document.addEventListener('keydown', ({ key, target }) => { pressed = key === 'Enter' || key === ' ' ? target : null; }, true);
document.addEventListener('pointerdown', () => { pressed = null; }, true);

export function mount({ data, parentElement, setStateValue }) {
  let editor = editors.get(parentElement);
  const fresh = !editor;
  if (fresh) editors.set(parentElement, (editor = new Editor(parentElement, data)));
  editor.setStateValue = setStateValue;
  editor.update(data);
  if (fresh) editor.regain(pressed);
}

export function unmount(parentElement) {
  // Streamlit cleans up after a call that newer data overtook, too: then the element stays in the page.
  setTimeout(() => {
    const editor = editors.get(parentElement);
    if (!editor || parentElement.isConnected) return;
    editor.destroy();
    editors.delete(parentElement);
  });
}

class Editor {
  constructor(parentElement, data) {
    this.data = data;
    this.version = data.version;
    this.sent = data.text;
    this.runs = data.runs;
    this.timer = 0;
    this.rest = 0;
    this.regaining = 0;
    this.links = []; // of the text in the editor: {from, to, equations, inside, ...}
    this.at = null; // where the pointer rests in the editor
    this.pointed = null; // the link under it
    this.held = null; // the link at the caret
    this.spots = []; // places of the page that stand for parts of the text: {selector, ranges}
    this.target = document.activeElement; // the place of the page last focused or pointed at: the page can be there before its editors
    this.outside = null; // id of the equation, or selector of the spot, it stands for
    this.root = document.createElement('div');
    this.root.className = `vx-editor ${data.single_line ? 'vx-line' : 'vx-block'}`;
    this.root.dataset.editor = data.name;
    this.root.style.setProperty('--vx-min', data.lines[0]);
    this.root.style.setProperty('--vx-max', data.lines[1]);
    this.label = this.root.appendChild(document.createElement('div'));
    this.label.className = 'vx-label';
    this.label.id = `vx-label-${data.name}`;
    this.label.addEventListener('click', () => this.view.focus());
    this.problems = document.createElement('div');
    this.problems.className = 'vx-problems';
    this.problems.id = `vx-problems-${data.name}`;
    this.said = document.createElement('div');
    this.said.className = 'vx-said';
    this.said.setAttribute('role', 'status');
    this.light = document.createElement('style');
    this.view = new EditorView({
      parent: this.root,
      state: EditorState.create({ doc: this.recall(data), extensions: this.extensions(data) }),
    });
    this.root.append(this.problems, this.said, this.light);
    parentElement.append(this.root);
    this.resize = new ResizeObserver(() => this.root.toggleAttribute('data-narrow', this.root.clientWidth < NARROW_PX));
    this.resize.observe(this.root);
    // Before blur and click: what is typed must be under way when a click elsewhere reruns the page.
    this.pointer = (event) => { if (!this.root.contains(event.target)) this.flush(); };
    document.addEventListener('pointerdown', this.pointer, true);
    this.over = ({ target }) => { this.target = target; this.pointOutside(target); };
    document.addEventListener('pointerover', this.over, { passive: true });
    document.addEventListener('focusin', this.over);
    // What was typed while the connection was down went nowhere: Streamlit sends no state a second time.
    const app = document.querySelector('[data-test-connection-state]');
    this.connection = new MutationObserver(() => {
      if (app.dataset.testConnectionState === 'CONNECTED' && this.sent !== this.data.text) this.send();
    });
    if (app) this.connection.observe(app, { attributeFilter: ['data-test-connection-state'] });
    if (this.text() !== this.sent) this.schedule();
  }

  // Returns the text to start with: what was typed before the editor left the page, if Python still has the text it was based on.
  recall({ name, version, text }) {
    const left = unsent.get(name);
    unsent.delete(name);
    return left && left.version === version && left.base === text ? left.text : text;
  }

  extensions(data) {
    const run = () => { this.runs += 1; this.send(); return true; };
    const leave = (view) => { view.contentDOM.blur(); return true; };
    const keys = [{ key: 'Mod-Enter', run, preventDefault: true }, { key: 'Escape', run: leave }];
    const single = [{ key: 'Enter', run, shift: insertNewlineAndIndent }];
    return [
      keymap.of([...keys, ...(data.single_line ? single : [indentWithTab])]),
      data.single_line ? [] : [lineNumbers(), lintGutter(), highlightActiveLineGutter(), highlightActiveLine()],
      history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(),
      indentUnit.of('    '), EditorState.tabSize.of(4),
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap]),
      python(), syntaxHighlighting(highlighting), theme, notes, linked, EditorView.lineWrapping, hanging,
      data.placeholder ? placeholder(data.placeholder) : [],
      EditorView.contentAttributes.of({
        'aria-label': data.label,
        'aria-describedby': `vx-problems-${data.name}`,
        ...(data.single_line ? {} : { 'aria-description': 'Press Escape, then Tab, to leave the editor' }),
      }),
      EditorView.domEventHandlers({
        blur: () => { this.flush(); this.hold(null); },
        focus: () => { this.hold(this.atCaret()); },
        pointermove: (event) => { if (event.pointerType !== 'touch') this.restAt(event); },
        pointerleave: () => { this.leave(); },
      }),
      EditorView.updateListener.of((update) => this.changed(update)),
    ];
  }

  changed(update) {
    if (update.docChanged) queueMicrotask(() => this.unlink());
    else if (update.selectionSet && this.view.hasFocus) queueMicrotask(() => this.hold(this.atCaret()));
    if (!update.docChanged || update.transactions.some((tr) => tr.annotation(fromPython))) return;
    this.schedule();
    // Not at once: an update listener may not dispatch.
    queueMicrotask(() => this.annotate());
  }

  schedule() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), DEBOUNCE_MS);
  }

  text() {
    return this.view.state.doc.toString();
  }

  // An editor that has left the page must not send: Streamlit would rerun a page no longer there.
  flush() {
    if (this.root.isConnected && this.text() !== this.sent) this.send();
  }

  send() {
    clearTimeout(this.timer);
    this.sent = this.text();
    this.setStateValue('typed', { text: this.sent, version: this.version, runs: this.runs });
  }

  update(data) {
    this.data = data;
    this.label.textContent = data.label_visible ? data.label : '';
    if (data.version !== this.version) this.replace(data);
    this.colour();
    this.annotate();
  }

  replace({ text, version }) {
    clearTimeout(this.timer);
    this.version = version;
    this.sent = text;
    const old = this.text();
    if (text === old) return;
    let same = 0;
    while (text[same] === old[same]) same += 1;
    const changes = { from: 0, to: old.length, insert: text };
    this.view.dispatch({ changes, selection: { anchor: same }, annotations: fromPython.of(true) });
    this.regain(pressed);
  }

  // A key on a button (Apply, Undo) changed this text, and the button goes: the keyboard goes on from here.
  regain(button, tries = REGAIN_TRIES) {
    clearTimeout(this.regaining);
    if (!button || button !== pressed || !tries) return;
    if (button.isConnected || document.activeElement !== document.body) this.regaining = setTimeout(() => this.regain(button, tries - 1), REGAIN_MS);
    else if (this.view.dom.isConnected) this.view.focus();
  }

  // Level colours are the figures' own; light or dark by what the page's background is now.
  colour() {
    const background = getComputedStyle(this.root).getPropertyValue('--st-background-color');
    const colours = this.data.palette[isDark(background) ? 'dark' : 'light'];
    colours.forEach((colour, level) => this.root.style.setProperty(`--vx-level-${level}`, colour));
  }

  annotate() {
    const { for_code: forCode, hints, marks } = this.data;
    const fresh = forCode === this.text();
    this.root.toggleAttribute('data-outdated', !fresh);
    if (!this.view.dom.isConnected) return;
    this.link(fresh ? this.data.links : []);
    this.spots = [];
    if (!fresh) return;
    const { doc } = this.view.state;
    const places = marks.map((mark) => ({ ...mark, ...range(doc, mark) }));
    this.spots = this.data.spots.map(({ selector, ranges }) => ({ selector, ranges: ranges.map((each) => range(doc, each)) }));
    const problems = places.filter((mark) => mark.message);
    this.view.dispatch({ effects: setNotes.of({ hints, places }) });
    this.view.dispatch(setDiagnostics(this.view.state, problems));
    const errors = problems.filter((mark) => mark.severity === 'error');
    this.view.contentDOM.setAttribute('aria-invalid', String(errors.length > 0));
    this.root.toggleAttribute('data-invalid', errors.length > 0);
    this.problems.textContent = problems.map((mark) => `Line ${mark.line}: ${mark.message}`).join('\n');
    if (this.target?.isConnected) this.pointOutside(this.target); // it may have been pointed at before this was known
  }

  // Takes the links of new data; what is pointed at stays pointed at while they are the same.
  link(links) {
    const key = JSON.stringify(links);
    if (key === this.linkKey) return;
    this.unlink();
    this.linkKey = key;
    const { doc } = this.view.state;
    this.links = links.map((link) => ({ ...link, ...range(doc, link) }));
    if (this.view.hasFocus) this.hold(this.atCaret());
    this.point(this.under());
  }

  // Everything that was pointed at is forgotten: the text or what is known of it has changed.
  unlink() {
    this.links = [];
    this.linkKey = '';
    this.pointed = null;
    this.held = null;
    this.outside = null;
    this.view.dispatch({ effects: setOutside.of([]) });
    this.show();
  }

  restAt({ clientX: x, clientY: y }) {
    clearTimeout(this.rest);
    this.at = { x, y };
    if (this.links.length) this.rest = setTimeout(() => this.point(this.under()), REST_MS);
  }

  leave() {
    clearTimeout(this.rest);
    this.at = null;
    this.point(null);
  }

  point(link) {
    if (link === this.pointed) return;
    this.pointed = link;
    this.show();
  }

  hold(link) {
    if (link === this.held) return;
    this.held = link;
    this.show();
  }

  under() {
    if (!this.at || !this.view.dom.isConnected) return null;
    const { x, y } = this.at;
    const near = this.view.posAtCoords({ x, y });
    if (near === null) return null;
    for (const at of [near, near - 1]) {
      const box = at >= 0 && this.view.coordsForChar(at);
      if (box && x >= box.left && x <= box.right && y >= box.top - 4 && y <= box.bottom + 4) return this.smallest(at, at + 1);
    }
    return null;
  }

  atCaret() {
    const { from, to } = this.view.state.selection.main;
    return this.smallest(from, to);
  }

  smallest(from, to) {
    const around = this.links.filter((link) => link.from <= from && link.to >= to);
    return around.reduce((best, link) => (!best || link.to - link.from < best.to - best.from ? link : best), null);
  }

  // Lights the equations of the expression under the pointer, else of the one at the caret.
  show() {
    const link = this.pointed || this.held;
    if (link === (this.shown || null)) return;
    this.shown = link;
    const ids = link ? [...link.equations, ...link.inside] : [];
    this.light.textContent = ids.length ? `${ids.map((id) => `.stApp .pg-e${id}`).join(',')}{${this.lit()}}` : '';
    this.root.dataset.lit = ids.join(' ');
    this.view.dispatch({ effects: setLink.of(link) });
    this.said.textContent = link && link === this.held ? spoken(link) : '';
    if (ids.length) reveal(ids);
  }

  // Streamlit's colours are known inside of a component only.
  lit() {
    const colour = getComputedStyle(this.root).getPropertyValue('--st-primary-color');
    return `background:${tint(colour, 18)};box-shadow:inset 3px 0 0 ${colour}`;
  }

  // A place elsewhere in the page is pointed at: marks what it stands for, if it is a spot, else the
  // expression that made its equation, and the calls that led there.
  pointOutside(target) {
    const spot = this.spots.find(({ selector }) => target.closest?.(selector));
    if (spot) this.outline(spot.selector, spot.ranges.map((each) => ({ ...each, own: true })));
    else if (this.links.length || this.outside !== null) this.outline(...this.made(target));
  }

  made(target) {
    const element = target.closest?.('[class*="pg-e"]');
    const found = element && !this.root.contains(element) && /(?:^|\s)pg-e(\d+)(?:\s|$)/.exec(element.getAttribute('class'));
    const id = found ? Number(found[1]) : null;
    const ranges = this.links
      .filter((link) => link.equations.includes(id) || link.inside.includes(id))
      .map(({ from, to, equations }) => ({ from, to, own: equations.includes(id) }));
    return [id, ranges];
  }

  outline(what, ranges) {
    if (what === this.outside) return;
    this.outside = what;
    this.view.dispatch({ effects: setOutside.of(ranges) });
    const own = ranges.find((range) => range.own);
    if (own) this.scrollTo(own.from);
  }

  // Only the editor's own lines are moved: the page must stay under the pointer.
  scrollTo(position) {
    const { scrollDOM } = this.view;
    const { top, bottom } = this.view.lineBlockAt(position);
    if (top < scrollDOM.scrollTop) scrollDOM.scrollTop = top;
    else if (bottom > scrollDOM.scrollTop + scrollDOM.clientHeight) scrollDOM.scrollTop = bottom - scrollDOM.clientHeight;
  }

  destroy() {
    clearTimeout(this.timer);
    clearTimeout(this.rest);
    clearTimeout(this.regaining);
    const { name, version, text } = this.data;
    if (this.text() !== text) unsent.set(name, { version, base: text, text: this.text() });
    document.removeEventListener('pointerdown', this.pointer, true);
    document.removeEventListener('pointerover', this.over);
    document.removeEventListener('focusin', this.over);
    this.resize.disconnect();
    this.connection.disconnect();
    this.view.destroy();
    this.root.remove();
  }
}

// Python counts characters, CodeMirror UTF-16 units; lines are 1-based, columns 0-based, both clipped.
function position(doc, line, column) {
  if (line > doc.lines) return doc.length;
  const { from, text } = doc.line(Math.max(1, line));
  return from + Array.from(text).slice(0, Math.max(0, column)).join('').length;
}

// At least one character wide, so that an error at a line's end or on an empty range is seen.
function range(doc, mark) {
  const from = position(doc, mark.line, mark.column);
  const to = Math.max(from, position(doc, mark.end_line, mark.end_column));
  if (to > from) return { from, to };
  const line = doc.lineAt(from);
  return from < line.to ? { from, to: from + 1 } : { from: Math.max(line.from, from - 1), to: from };
}

function isDark(colour) {
  const context = document.createElement('canvas').getContext('2d');
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
}

function pieces(parts) {
  return parts.map(({ text, level, room }) => {
    const piece = document.createElement('span');
    piece.textContent = text;
    if (room) piece.classList.add(`vx-${room}`);
    if (level !== null) {
      piece.classList.add('vx-level');
      piece.style.color = `var(--vx-level-${level}, inherit)`;
    }
    return piece;
  });
}

function plain(parts) {
  return parts.filter(({ room }) => room !== 'narrow').map(({ text }) => text).join('');
}

function spoken({ parts, words }) {
  return [plain(parts), words].filter(Boolean).join(': ');
}

// Brings the first lit line of every listing into its own window; the page itself does not move.
function reveal(ids) {
  const lit = ids.map((id) => `.pg-e${id}`).join(',');
  for (const listing of document.querySelectorAll('.pg-diff')) {
    const line = listing.querySelector(lit);
    if (!line) continue;
    const [inner, outer] = [line.getBoundingClientRect(), listing.getBoundingClientRect()];
    if (inner.top < outer.top || inner.bottom > outer.bottom) listing.scrollTop += inner.top - outer.top - 0.3 * outer.height;
  }
}

class Hint extends WidgetType {
  constructor(parts) {
    super();
    this.parts = parts;
    this.key = JSON.stringify(parts);
  }

  eq(other) {
    return other.key === this.key;
  }

  toDOM() {
    const pill = document.createElement('span');
    pill.className = 'vx-hint';
    pill.title = plain(this.parts);
    pill.append(...pieces(this.parts));
    return pill;
  }

  ignoreEvent() {
    return true;
  }
}

// Decorations follow edits until new ones come; those of an edited line go at once: they may be untrue now.
const notes = StateField.define({
  create: () => Decoration.none,
  update(decorations, tr) {
    if (tr.docChanged) decorations = decorations.map(tr.changes).update({ filter: untouched(tr) });
    for (const effect of tr.effects) {
      if (effect.is(setNotes)) decorations = draw(tr.state.doc, effect.value);
    }
    return decorations;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// The expression pointed at, from either side; the caret's and the pointer's has a tooltip.
const linked = StateField.define({
  create: () => ({ link: null, ranges: [] }),
  update(value, tr) {
    if (tr.docChanged) return { link: null, ranges: [] };
    for (const effect of tr.effects) {
      if (effect.is(setLink)) value = { ...value, link: effect.value };
      if (effect.is(setOutside)) value = { ...value, ranges: effect.value };
    }
    return value;
  },
  provide: (field) => [
    EditorView.decorations.from(field, ({ link, ranges }) => {
      const inside = link ? [linkMark.range(link.from, link.to)] : [];
      return Decoration.set([...inside, ...ranges.map(({ from, to, own }) => (own ? ownMark : callMark).range(from, to))], true);
    }),
    showTooltip.from(field, ({ link }) => link && { pos: link.from, end: link.to, above: true, create: () => ({ dom: tooltip(link) }) }),
  ],
});

const linkMark = Decoration.mark({ class: 'vx-linked' });
const ownMark = Decoration.mark({ class: 'vx-linked vx-from-outside' });
const callMark = Decoration.mark({ class: 'vx-call' });

function tooltip({ parts, words }) {
  const dom = document.createElement('div');
  dom.className = 'vx-tip';
  if (parts.length) dom.appendChild(document.createElement('div')).append(...pieces(parts));
  if (words) {
    const line = dom.appendChild(document.createElement('div'));
    line.className = 'vx-words';
    line.textContent = words;
  }
  return dom;
}

// A wrapped line goes on further in than it began, so that its indentation can still be read.
const hanging = StateField.define({
  create: (state) => hang(state.doc),
  update: (value, tr) => (tr.docChanged ? hang(tr.newDoc) : value),
  provide: (field) => EditorView.decorations.from(field),
});

function hang(doc) {
  const found = [];
  for (let n = 1; n <= doc.lines; n += 1) {
    const { from, text } = doc.line(n);
    const indent = Math.min(text.search(/\S|$/) + 2, 24);
    found.push(Decoration.line({ attributes: { style: `--vx-hang:${indent}ch` } }).range(from));
  }
  return Decoration.set(found);
}

function untouched(tr) {
  const touched = [];
  tr.changes.iterChangedRanges((_a, _b, from, to) => {
    touched.push([tr.newDoc.lineAt(from).from, tr.newDoc.lineAt(to).to]);
  });
  return (from, to) => touched.every(([start, end]) => to < start || from > end);
}

function draw(doc, { hints, places }) {
  const found = [];
  for (const { line, parts } of hints) {
    if (line < 1 || line > doc.lines) continue;
    found.push(Decoration.widget({ widget: new Hint(parts), side: 1 }).range(doc.line(line).to));
  }
  for (const { from, to, severity } of places) {
    found.push(Decoration.line({ class: `vx-mark-${severity}` }).range(doc.lineAt(from).from));
    if (severity === 'active' && to > from) found.push(Decoration.mark({ class: 'vx-active' }).range(from, to));
  }
  return Decoration.set(found, true);
}

const highlighting = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--st-violet-text-color)' },
  { tag: [tags.function(tags.definition(tags.variableName)), tags.function(tags.variableName)], color: 'var(--st-blue-text-color)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--st-orange-text-color)' },
  { tag: tags.string, color: 'var(--st-green-text-color)' },
  { tag: tags.comment, color: 'var(--st-gray-text-color)', fontStyle: 'italic' },
  { tag: tags.meta, color: 'var(--st-yellow-text-color)' },
]);

const tint = (colour, percent) => `color-mix(in srgb, ${colour} ${percent}%, transparent)`;
const underline = (colour) => ({
  backgroundImage: 'none',
  textDecoration: `underline wavy ${colour}`,
  textDecorationSkipInk: 'none',
  textUnderlineOffset: '3px',
});
const dot = (colour) => ({ content: '""', width: '.55em', height: '.55em', margin: '.5em 0 0 .2em', borderRadius: '50%', background: colour });

const theme = EditorView.theme({
  '&': {
    color: 'var(--st-text-color)',
    backgroundColor: 'var(--st-secondary-background-color)',
    border: '1px solid var(--st-border-color)',
    borderRadius: 'var(--st-base-radius, 8px)',
    fontSize: '14px',
    maxHeight: 'calc(var(--vx-max) * 1.55em + 18px)',
  },
  '&.cm-focused': { outline: '2px solid var(--st-primary-color)', outlineOffset: '-1px' },
  '.cm-scroller': { fontFamily: 'var(--st-code-font)', lineHeight: '1.55', overflow: 'auto' },
  '.cm-content': {
    caretColor: 'var(--st-text-color)',
    padding: '8px 0',
    minHeight: 'calc(var(--vx-min) * 1.55em + 16px)',
  },
  '.vx-line & .cm-content': { padding: '8px 6px' },
  '.cm-line': { padding: '0 10px 0 calc(6px + var(--vx-hang, 0ch))', textIndent: 'calc(-1 * var(--vx-hang, 0ch))' },
  '.cm-cursor': { borderLeftColor: 'var(--st-text-color)' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--st-gray-text-color)', border: 'none' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 2px 0 8px', minWidth: '20px' },
  '.cm-gutter-lint': { width: '1em' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'transparent' },
  '&.cm-focused .cm-activeLine, &.cm-focused .cm-activeLineGutter': { backgroundColor: tint('var(--st-text-color)', 5) },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    background: tint('var(--st-primary-color)', 28),
  },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: tint('var(--st-primary-color)', 22), outline: 'none' },
  '.cm-placeholder': { color: 'var(--st-gray-text-color)' },
  '.vx-hint': {
    marginLeft: '1.4em',
    padding: '1px 7px',
    borderRadius: '6px',
    fontSize: '12px',
    whiteSpace: 'pre',
    display: 'inline-block',
    maxWidth: 'calc(100% - 1.4em)',
    boxSizing: 'border-box',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    verticalAlign: 'bottom',
    lineHeight: '1.45',
    textIndent: '0',
    color: 'color-mix(in srgb, var(--st-text-color) 72%, var(--st-secondary-background-color))',
    background: tint('var(--st-text-color)', 7),
    userSelect: 'none',
  },
  '.vx-level': { fontWeight: '700' },
  '.vx-editor[data-narrow] & .vx-hint .vx-wide, .vx-editor:not([data-narrow]) & .vx-hint .vx-narrow': { display: 'none' },
  '.vx-editor[data-narrow] & .vx-hint': { marginLeft: '.4em', padding: '1px 5px', fontSize: '11.5px', maxWidth: 'calc(100% - .4em)' },
  '.vx-linked': { backgroundColor: tint('var(--st-primary-color)', 20), boxShadow: '0 2px 0 var(--st-primary-color)' },
  '.vx-call': { borderBottom: '2px dotted var(--st-primary-color)' },
  '.vx-editor[data-outdated] & .vx-hint, .vx-editor[data-outdated] & .cm-lint-marker': { opacity: '.4' },
  '.vx-mark-error, &.cm-focused .cm-activeLine.vx-mark-error': { backgroundColor: tint('var(--st-red-color)', 13) },
  '.vx-mark-warning, &.cm-focused .cm-activeLine.vx-mark-warning': { backgroundColor: tint('var(--st-orange-color)', 13) },
  '.vx-mark-active, &.cm-focused .cm-activeLine.vx-mark-active': {
    backgroundColor: tint('var(--st-primary-color)', 12),
    boxShadow: 'inset 3px 0 0 var(--st-primary-color)',
  },
  // One line has no room for a tinted row: its frame says it.
  '.vx-line & .vx-mark-error': { backgroundColor: 'transparent' },
  '.vx-line[data-invalid] &': { borderColor: 'var(--st-red-color)' },
  '.vx-active': { backgroundColor: tint('var(--st-primary-color)', 24), borderRadius: '3px' },
  '.cm-lintRange-error': underline('var(--st-red-color)'),
  '.cm-lintRange-warning': underline('var(--st-orange-color)'),
  '.cm-lintRange-info': underline('var(--st-blue-color)'),
  '.cm-lint-marker-error': dot('var(--st-red-color)'),
  '.cm-lint-marker-warning': dot('var(--st-orange-color)'),
  '.cm-lint-marker-info': dot('var(--st-blue-color)'),
  '.cm-tooltip': {
    background: 'var(--st-background-color)',
    color: 'var(--st-text-color)',
    border: '1px solid var(--st-border-color)',
    borderRadius: '6px',
    maxWidth: 'min(520px, 92vw)',
    overflow: 'hidden',
  },
  '.vx-tip': { padding: '4px 9px', font: '12.5px/1.5 var(--st-code-font)', whiteSpace: 'pre-wrap', pointerEvents: 'none' },
  '.vx-words': { fontFamily: 'var(--st-font)', color: 'var(--st-gray-text-color)' },
  '.cm-diagnostic': { whiteSpace: 'pre-wrap', padding: '5px 10px', fontSize: '13px', fontFamily: 'var(--st-font)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--st-red-color)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--st-orange-color)' },
});
