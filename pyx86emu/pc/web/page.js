"use strict";
// The page: draw what the server sends, send it keys, mouse and disks.
const token = new URLSearchParams(location.search).get("token");
const get = (id) => document.getElementById(id);
const canvas = get("screen"), context = canvas.getContext("2d", { willReadFrequently: true });
let image = context.createImageData(canvas.width, canvas.height);
let dots = new Uint8Array(canvas.width * canvas.height);
let palette = new Uint32Array(256);
let state = {}, socket = null;

const address = (path, more = {}) => `${path}?${new URLSearchParams({ token, ...more })}`;

function send(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// -- pictures: see picture.py for the bytes

function take(buffer) {
  const view = new DataView(buffer);
  const width = view.getUint16(0, true), height = view.getUint16(2, true);
  let at = 5, all = false;
  if (width !== canvas.width || height !== canvas.height) {
    canvas.width = width;
    canvas.height = height;
    image = context.createImageData(width, height);
    dots = new Uint8Array(width * height);
    all = true;
  }
  if (view.getUint8(4)) {
    for (let i = 0; i < 256; i++, at += 3)
      palette[i] = 0xff000000 | view.getUint8(at + 2) << 16 | view.getUint8(at + 1) << 8 | view.getUint8(at);
    all = true;
  }
  const shown = new Uint32Array(image.data.buffer);
  for (let n = view.getUint16(at, true), i = (at += 2, 0); i < n; i++) {
    const [x, y, w, h] = [0, 2, 4, 6].map((k) => view.getUint16(at + k, true));
    at += 8;
    for (let row = y; row < y + h; row++, at += w) {
      const line = new Uint8Array(buffer, at, w), start = row * width + x;
      dots.set(line, start);
      if (!all) for (let k = 0; k < w; k++) shown[start + k] = palette[line[k]];
    }
    if (!all) context.putImageData(image, 0, 0, x, y, w, h);
  }
  if (all) {
    for (let k = 0; k < dots.length; k++) shown[k] = palette[dots[k]];
    context.putImageData(image, 0, 0);
  }
  canvas.dataset.pictures = 1 + Number(canvas.dataset.pictures || 0);
}

// -- the state of the guest

function tell() {
  const parts = [state.ended ? `ended: ${state.ended}` : state.paused ? "paused" : "running", state.mode];
  if (!state.may_type) parts.push("viewing only");
  else if (!state.keyboard) parts.push("another viewer types");
  if (state.viewers > 1) parts.push(`${state.viewers} viewers`);
  get("status").textContent = parts.filter(Boolean).join(", ");
  get("pause").textContent = state.paused ? "go on" : "pause";
  get("keyboard").hidden = !state.may_type || state.keyboard;
  for (const each of document.querySelectorAll(".typing")) each.hidden = !state.may_type;
  const wanted = ["upload a file", "eject", ...(state.disks || [])].join("\n"), list = get("disk");
  if (list.dataset.names !== wanted) {
    list.dataset.names = wanted;
    list.replaceChildren(...wanted.split("\n").map((name, i) => new Option(name, i < 2 ? i : `:${name}`)));
  }
  tone(state.tone || 0);
}

function complain(text) {
  get("error").textContent = text;
}

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${address("/ws")}`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string") return take(data);
    const message = JSON.parse(data);
    if (message.errors) return complain(message.errors.join("; "));
    state = message;
    tell();
  };
  socket.onclose = () => {
    tone(0);
    get("status").textContent = "disconnected";
    setTimeout(connect, 2000);
  };
}

// -- keys and mouse: `code` names the key's place, the guest's layout decides what it types

canvas.addEventListener("keydown", (event) => {
  event.preventDefault();
  if (!event.repeat) send({ key: event.code, down: true });
});
canvas.addEventListener("keyup", (event) => {
  event.preventDefault();
  send({ key: event.code, down: false });
});
canvas.addEventListener("blur", () => send({ release: true }));
canvas.addEventListener("paste", (event) => send({ text: event.clipboardData.getData("text") }));

let moved = [0, 0, 0], buttons = 0, waits = false;
function mouse(event) {
  if (document.pointerLockElement !== canvas) return;
  moved[0] += event.movementX;
  moved[1] += event.movementY;
  buttons = event.buttons & 7;
  if (event.type === "wheel") moved[2] += Math.sign(event.deltaY);
  if (waits) return;
  waits = true;
  requestAnimationFrame(() => {
    const limit = (v) => Math.max(-1000, Math.min(1000, Math.round(v)));
    send({ mouse: [limit(moved[0]), limit(moved[1]), buttons, limit(moved[2])] });
    moved = [0, 0, 0];
    waits = false;
  });
}
for (const name of ["mousemove", "mousedown", "mouseup", "wheel"]) canvas.addEventListener(name, mouse);
canvas.addEventListener("click", () => {
  canvas.focus();
  if (state.keyboard && document.pointerLockElement !== canvas) canvas.requestPointerLock();
});
canvas.addEventListener("contextmenu", (event) => event.preventDefault());

// -- the speaker

let audio = null, oscillator = null, gain = null;
function tone(hertz) {
  if (!audio) return;
  if (hertz > 0) oscillator.frequency.setValueAtTime(Math.min(hertz, 20000), audio.currentTime);
  gain.gain.setValueAtTime(hertz > 0 ? 0.05 : 0, audio.currentTime);
}
get("sound").onclick = () => {
  if (audio) {
    audio.close();
    audio = null;
  } else {
    audio = new AudioContext();
    oscillator = new OscillatorNode(audio, { type: "square" });
    gain = new GainNode(audio, { gain: 0 });
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start();
    tone(state.tone || 0);
  }
  get("sound").setAttribute("aria-pressed", String(audio !== null));
  canvas.focus();
};

// -- buttons

const act = (id, what) => (get(id).onclick = () => { complain(""); what(); canvas.focus(); });
act("keyboard", () => send({ do: "keyboard" }));
act("pause", () => send({ do: state.paused ? "resume" : "pause" }));
act("reset", () => send({ do: "reset" }));
act("shot", () => {
  const link = document.createElement("a");
  link.href = address("/screen.png");
  link.download = "screen.png";
  link.click();
});
act("insert", () => {
  const drive = get("drive").value, choice = get("disk").value;
  if (choice === "0") get("file").click();
  else if (choice === "1") send({ eject: drive });
  else send({ drive, insert: choice.slice(1) });
});
get("file").onchange = async () => {
  const [file] = get("file").files;
  get("file").value = "";
  if (!file) return;
  try {
    const answer = await fetch(address(`/disk/${get("drive").value}`, { name: file.name }), { method: "POST", body: file });
    complain(answer.ok ? "" : (await answer.text()) || `not taken (${answer.status})`);
  } catch (error) {
    complain(String(error));
  }
};

connect();
canvas.focus();
