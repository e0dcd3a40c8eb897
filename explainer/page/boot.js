
// The page starts here: it unpacks the plotly.js it carries and plays the picture it carries.

const place = document.getElementById('player');

function broken(error) {
  console.error(error);
  place.textContent = 'The animation could not be started: ' + (error && error.message || error) + '. Everything else is below.';
}

async function unpacked(id) {
  const packed = atob(document.getElementById(id).textContent);
  const bytes = Uint8Array.from(packed, letter => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
}

async function start() {
  const script = document.createElement('script');
  script.textContent = await unpacked('plotly');
  document.head.append(script);
  const data = JSON.parse(await unpacked('picture'));
  place.replaceChildren();
  mount({ parentElement: place, data, setTriggerValue() {}, setStateValue() { broken('plotly.js failed'); } });
}

start().catch(broken);
