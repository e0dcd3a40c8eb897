// The player: draws a figure with colour tokens by plotly.js and plays its frames.
//
// Python sends {fig, meta}: the figure as JSON text and what stands around it (see
// explainer/figures/animation.py). Everything that can be decided in Python is; this file only
// plays. It keeps a private plotly.js: Streamlit's own chart sets window.Plotly to another version.
// `url` names the files beside this one; a page that holds plotly.js and the style sheet itself gives none.

const TOKEN = /\$([a-zA-Z][a-zA-Z0-9]*)/g;
const GLIDE = 620; // ms of one movement at normal speed
const REST = { start: 250, slice: 260, call: 520, calls: 520, restack: 120, pass: 120, end: 0 };
const players = new WeakMap();

export default function mount(component, url) {
  const root = component.parentElement;
  let player = players.get(root);
  if (!player) {
    player = new Player(root, url);
    players.set(root, player);
  }
  player.send = (name, value) => component.setTriggerValue(name, value);
  player.fail = error => { console.error(error); component.setStateValue('broken', true); };
  player.update(component.data);
  return () => { player.destroy(); players.delete(root); };
}

let plotly = null;
function loadPlotly(url) {
  if (!url) return window.Plotly ? Promise.resolve(window.Plotly) : Promise.reject(new Error('the page holds no Plotly'));
  plotly ||= new Promise((resolve, reject) => {
    const before = window.Plotly;
    const script = document.createElement('script');
    script.src = url('plotly-basic.min.js');
    script.onerror = () => { plotly = null; reject(new Error('plotly-basic.min.js could not be loaded')); };
    script.onload = () => {
      const own = window.Plotly;
      if (before) window.Plotly = before; else delete window.Plotly;
      if (own && own !== before) resolve(own);
      else { plotly = null; reject(new Error('plotly-basic.min.js defined no Plotly')); }
    };
    document.head.append(script);
  });
  return plotly;
}

function loadCss(url) {
  if (!url || document.querySelector('link[data-vmap-player]')) return;
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.dataset.vmapPlayer = '';
  link.href = url('player.css' + new URL(import.meta.url).search);
  document.head.append(link);
}

const icon = path => `<svg viewBox="0 0 16 16" width="14" height="14" fill="currentColor" aria-hidden="true"><path d="${path}"/></svg>`;
const ICONS = {
  first: icon('M3 2.5h2v11H3zM13 2.5v11L6 8z'),
  prev: icon('M11 2.5v11L4 8z'),
  play: icon('M4 2.5v11l9-5.5z'),
  pause: icon('M4 2.5h3v11H4zM9 2.5h3v11H9z'),
  next: icon('M5 2.5v11L12 8z'),
  last: icon('M11 2.5h2v11h-2zM3 2.5v11L10 8z'),
};
const button = (action, label) => `<button type="button" data-a="${action}" aria-label="${label}" title="${label}">${ICONS[action]}</button>`;
const speed = (value, label) => `<button type="button" data-s="${value}" aria-pressed="${value === 1}" aria-label="Speed ${label}">${label}</button>`;
const HTML = `
<div class="vp" tabindex="0" role="group" aria-label="vmap animation: space plays, arrow keys step" data-ready="false" data-playing="false" data-k="0">
  <div class="vp-cap" aria-live="polite"></div>
  <div class="vp-scroll"><div class="vp-fig" role="img" aria-label="arrays and the function they pass through"></div></div>
  <div class="vp-bar">
    <span class="vp-buttons">${button('first', 'First frame')}${button('prev', 'Previous step')}${button('play', 'Play')}${button('next', 'Next step')}${button('last', 'Last frame')}</span>
    <div class="vp-track"><div class="vp-strip" aria-hidden="true"></div><input class="vp-range" type="range" min="0" value="0" aria-label="Step"></div>
    <span class="vp-speed" role="group" aria-label="Speed">${speed(0.5, '½×')}${speed(1, '1×')}${speed(2, '2×')}${speed(4, '4×')}</span>
  </div>
  <div class="vp-key" aria-hidden="true"></div>
  <div class="vp-notes"></div>
</div>`;

class Player {
  constructor(root, url) {
    loadCss(url);
    this.url = url;
    const host = document.createElement('div');
    host.innerHTML = HTML;
    root.append(host);
    this.host = host;
    this.box = host.querySelector('.vp');
    const find = name => host.querySelector('.vp-' + name);
    [this.cap, this.scroll, this.fig, this.range, this.strip, this.key, this.notes] = ['cap', 'scroll', 'fig', 'range', 'strip', 'key', 'notes'].map(find);
    this.playButton = host.querySelector('[data-a=play]');
    this.playButton.classList.add('vp-play');
    this.frame = 0;
    this.playing = false;
    this.speed = 1;
    this.scale = 1;
    this.turn = 0; // counts movements: a later one makes an earlier one stale
    this.queue = Promise.resolve(); // Plotly throws when two draws overlap
    this.still = matchMedia('(prefers-reduced-motion: reduce)');
    this.listen();
  }

  listen() {
    for (const element of this.host.querySelectorAll('[data-a]')) element.onclick = () => this.act(element.dataset.a);
    for (const element of this.host.querySelectorAll('[data-s]')) element.onclick = () => this.setSpeed(+element.dataset.s);
    this.range.oninput = () => { const frame = +this.range.value; this.stop(); this.go(frame, 120); };
    this.box.onkeydown = event => this.onKey(event);
    this.resize = new ResizeObserver(() => this.fit());
    this.resize.observe(this.box);
    this.themes = new MutationObserver(() => this.checkTheme());
    this.themes.observe(document.documentElement, { attributes: true });
    this.themes.observe(document.body, { attributes: true });
    this.themes.observe(document.head, { childList: true, subtree: true, characterData: true });
    this.night = matchMedia('(prefers-color-scheme: dark)');
    this.onNight = () => setTimeout(() => this.checkTheme(), 60);
    this.night.addEventListener('change', this.onNight);
  }

  // ---- data in

  update(data) {
    if (!data || data.fig === this.raw) return;
    const same = this.meta && this.meta.sid === data.meta.sid;
    this.raw = data.fig;
    this.meta = data.meta;
    if (!same) { this.frame = 0; this.playing = false; this.turn++; }
    this.frame = Math.min(this.frame, this.meta.phases.length - 1);
    this.scale = this.wantedScale();
    this.theme = this.pageTheme();
    this.buildStrip();
    this.buildNotes();
    this.draw().then(() => { if (this.playing) this.run(); });
  }

  draw() {
    const turn = ++this.turn;
    this.queue = this.queue.then(() => this.dead || turn !== this.turn ? null : this.drawNow()).catch(error => this.fail(error));
    return this.queue;
  }

  async drawNow() {
    this.plotly = await loadPlotly(this.url);
    if (this.dead) return;
    const spec = this.spec = this.resolved();
    const frame = spec.frames[this.frame]; // the state of this frame goes into the data: no flash of frame 0
    frame.traces.forEach((at, number) => merge(spec.data[at], frame.data[number]));
    this.fig.style.width = spec.layout.width + 'px';
    this.fig.style.height = spec.layout.height + 'px';
    const config = { displayModeBar: false, responsive: false, doubleClick: false };
    await this.plotly.react(this.fig, { data: spec.data, layout: spec.layout, frames: spec.frames, config });
    if (!this.bound) {
      this.bound = true;
      this.fig.on('plotly_click', event => this.onCell(event.points[0]));
    }
    this.box.dataset.ready = 'true';
    this.paint();
  }

  resolved() {
    const palette = this.palette();
    const spec = JSON.parse(this.raw.replace(TOKEN, (_, name) => palette[name] ?? '#f0f'));
    const grow = thing => { if (thing && thing.size) thing.size *= this.scale; };
    spec.layout.width = Math.round(spec.layout.width * this.scale);
    spec.layout.height = Math.round(spec.layout.height * this.scale);
    for (const trace of spec.data) { grow(trace.marker); grow(trace.textfont); }
    for (const note of spec.layout.annotations) grow(note.font);
    return spec;
  }

  // ---- size and theme

  wantedScale() {
    const [least, most] = this.meta.scale;
    const room = (this.box.clientWidth || this.meta.W) - 2;
    return Math.max(least, Math.min(most, room / this.meta.W));
  }

  fit() {
    if (!this.meta) return;
    const scale = this.wantedScale();
    if (Math.abs(scale - this.scale) > 0.01) { this.scale = scale; this.draw().then(() => { if (this.playing) this.run(); }); }
  }

  pageTheme() {
    return luminance(getComputedStyle(this.box).getPropertyValue('--st-background-color').trim() || '#ffffff') < 128 ? 'dark' : 'light';
  }

  checkTheme() {
    if (!this.meta || this.dead || this.pageTheme() === this.theme) return;
    this.theme = this.pageTheme();
    this.buildStrip();
    this.draw().then(() => { if (this.playing) this.run(); });
  }

  palette() { return this.meta.pal[this.theme]; }

  // ---- what stands around the figure

  buildStrip() {
    const palette = this.palette();
    const colour = (phase, level) => phase === 'call' || phase === 'calls' ? palette.out : phase === 'start' || phase === 'end' ? palette.mute : palette['L' + level % 4];
    this.strip.replaceChildren(...this.meta.phases.map(([phase, level]) => {
      const piece = document.createElement('i');
      piece.style.background = colour(phase, level);
      return piece;
    }));
    const entry = (fill, words) => {
      const item = document.createElement('span'), square = document.createElement('i');
      square.style.background = fill;
      item.append(square, words);
      return item;
    };
    const levels = this.meta.levels.map((name, level) => entry(palette['L' + level % 4], `slice of example ${name}`));
    const rest = this.meta.shared ? [entry(palette.shared, 'shared, sent once')] : [];
    this.key.replaceChildren(...levels, ...rest, ...(this.meta.results ? [entry(palette.out, 'result')] : []));
  }

  buildNotes() {
    this.notes.textContent = this.meta.notes.join(' ');
    this.notes.hidden = !this.meta.notes.length;
  }

  paint() {
    if (!this.meta) return;
    const palette = this.palette(), k = this.frame;
    this.cap.replaceChildren(...this.meta.captions[k].map(([words, look]) => {
      const part = document.createElement('span');
      part.textContent = words;
      if (look === 'm') part.className = 'vp-muted';
      else if (look) { part.style.fontWeight = 600; if (look !== 'b') part.style.color = palette[look]; }
      return part;
    }));
    this.range.max = this.meta.phases.length - 1;
    this.range.value = k;
    this.range.setAttribute('aria-valuetext', `${k + 1} of ${this.meta.phases.length}: ${this.cap.textContent}`);
    [...this.strip.children].forEach((piece, at) => { piece.style.opacity = at <= k ? 1 : 0.3; });
    this.playButton.innerHTML = this.playing ? ICONS.pause : ICONS.play;
    const label = this.playing ? 'Pause' : 'Play';
    this.playButton.setAttribute('aria-label', label);
    this.playButton.title = label;
    this.box.dataset.k = k;
    this.box.dataset.playing = this.playing;
  }

  /** Scrolls a picture wider than the screen to where something happens. */
  follow() {
    if (this.scroll.scrollWidth <= this.scroll.clientWidth + 1) return;
    const left = this.meta.focus[this.frame] * this.scale - this.scroll.clientWidth / 2;
    this.scroll.scrollTo({ left, behavior: this.still.matches ? 'auto' : 'smooth' });
  }

  // ---- playing

  /** Moves to a frame; resolves to false if another movement took over. */
  async go(frame, duration = GLIDE) {
    if (!this.spec) return false;
    const turn = ++this.turn;
    this.frame = Math.max(0, Math.min(frame, this.spec.frames.length - 1));
    this.paint();
    this.follow();
    await this.queue;
    if (this.dead || turn !== this.turn) return false;
    const time = this.still.matches ? 0 : duration;
    const moved = this.plotly.animate(this.fig, [String(this.frame)], {
      mode: 'immediate', transition: { duration: time, easing: 'cubic-in-out' }, frame: { duration: time, redraw: false },
    });
    await moved.catch(() => null); // plotly rejects what a later movement interrupts
    return turn === this.turn;
  }

  async run() {
    const run = this.running = {};
    this.playing = true;
    this.paint();
    const last = () => this.meta.phases.length - 1;
    if (this.frame >= last()) await this.go(0, 0);
    while (this.playing && this.running === run && this.frame < last()) {
      if (!(await this.go(this.frame + 1, GLIDE / this.speed))) return;
      const rest = REST[this.meta.phases[this.frame][0]] + (this.still.matches ? GLIDE : 0);
      await new Promise(resolve => setTimeout(resolve, rest / this.speed));
      if (this.dead || this.running !== run) return;
    }
    this.stop();
  }

  stop() {
    this.playing = false;
    this.running = null;
    this.paint();
  }

  setSpeed(value) {
    this.speed = value;
    for (const element of this.host.querySelectorAll('[data-s]')) element.setAttribute('aria-pressed', +element.dataset.s === value);
  }

  act(name) {
    if (!this.spec) return;
    if (name === 'play') { if (this.playing) this.stop(); else this.run(); return; }
    this.stop();
    if (name === 'first') this.go(0, 250);
    if (name === 'prev') this.go(this.frame - 1, 350);
    if (name === 'next') this.go(this.frame + 1, 500);
    if (name === 'last') this.go(Infinity, 250);
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const name = { ' ': 'play', ArrowRight: 'next', ArrowLeft: 'prev', Home: 'first', End: 'last' }[event.key];
    if (!name) return;
    if (event.key === ' ' && event.target.tagName === 'BUTTON') return; // space presses the button itself
    event.preventDefault();
    event.stopPropagation();
    this.act(name);
  }

  onCell(point) {
    const example = point && point.customdata;
    if (typeof example !== 'string') return;
    const frame = this.meta.jump[example];
    if (frame !== undefined) { this.stop(); this.go(frame, 300); }
    this.send('cell', example);
  }

  destroy() {
    this.dead = true;
    this.playing = false;
    this.resize.disconnect();
    this.themes.disconnect();
    this.night.removeEventListener('change', this.onNight);
    if (this.plotly) this.plotly.purge(this.fig);
    this.host.remove();
  }
}

function merge(trace, state) {
  for (const name in state) {
    const value = state[name];
    trace[name] = value && typeof value === 'object' && !Array.isArray(value) ? { ...trace[name], ...value } : value;
  }
}

function luminance(colour) {
  let parts;
  if (colour[0] === '#') {
    const hex = colour.length < 6 ? [...colour.slice(1)].map(digit => digit + digit).join('') : colour.slice(1);
    parts = [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16));
  } else parts = (colour.match(/[\d.]+/g) || [255, 255, 255]).map(Number);
  return 0.3 * parts[0] + 0.59 * parts[1] + 0.11 * parts[2];
}
