//! Sound, made from oscillators and noise: nothing to load. What is far is quiet, what is to the left sounds from there.

/** @typedef {import("./scene.js").Moment} Moment */

/** Beyond this nothing is heard, in units. */
const EARSHOT = 900;
/** Sounds that begin in one frame at most. */
const VOICES_MAX = 8;

export class Sound {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {GainNode | null} */
  #out = null;
  /** @type {AudioBuffer | null} */
  #noise = null;
  #isOn;
  #voices = 0;
  /** @type {Set<number>} */
  #pellets = new Set();

  /** @param {boolean} isOn */
  constructor(isOn) {
    this.#isOn = isOn;
    // Browsers allow sound only after the person did something.
    for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, () => this.#wake(), { passive: true });
  }

  /** @param {boolean} isOn */
  set isOn(isOn) {
    this.#isOn = isOn;
    if (isOn) this.#wake();
    if (this.#out && this.#context) this.#out.gain.setTargetAtTime(isOn ? 0.5 : 0, this.#context.currentTime, 0.02);
  }

  get isOn() {
    return this.#isOn;
  }

  #wake() {
    if (!this.#isOn || typeof AudioContext === "undefined") return;
    if (this.#context) return void (this.#context.state === "suspended" && this.#context.resume());
    const context = new AudioContext();
    const limiter = context.createDynamicsCompressor();
    this.#out = context.createGain();
    this.#out.gain.value = 0.5;
    this.#out.connect(limiter).connect(context.destination);
    this.#noise = context.createBuffer(1, context.sampleRate, context.sampleRate);
    const samples = this.#noise.getChannelData(0);
    for (let i = 0; i < samples.length; i += 1) samples[i] = Math.random() * 2 - 1;
    this.#context = context;
  }

  /** @param {Moment} moment @param {{x: number, y: number}} ear */
  notice(moment, ear) {
    const fresh = moment.pellets.filter((pellet) => !this.#pellets.has(pellet.id));
    this.#pellets = new Set(moment.pellets.map((pellet) => pellet.id));
    if (!this.#isOn || this.#context?.state !== "running") return;
    this.#voices = 0;
    const mine = moment.me?.slot ?? -1;
    for (const pellet of fresh) this.#at(pellet, ear, pellet.owner === mine ? 0.5 : 0.28, (v, p) => this.#tone("square", 780, 190, 0.07, v * 0.3, p));
    for (const one of moment.happenings) {
      switch (one.what) {
        case "rail": this.#at(one.from, ear, 1, (v, p) => { this.#tone("sawtooth", 1900, 120, 0.32, v * 0.4, p); this.#hiss(3200, 500, 0.25, v * 0.4, p); }); break;
        case "blast": this.#at(one.at, ear, 1.3, (v, p) => { this.#tone("sine", 150, 28, 0.7, v, p); this.#hiss(1400, 80, 0.6, v, p); }); break;
        case "hit": this.#at(one.at, ear, 0.5, (v, p) => { this.#tone("triangle", 240, 110, 0.06, v * 0.7, p); this.#hiss(900, 400, 0.05, v * 0.5, p); }); break;
        case "hurt": if (one.by === mine && one.slot !== mine) this.#tone("sine", 1320, 1320, 0.05, 0.35, 0);
          this.#at(one.at, ear, one.slot === mine ? 1 : 0.5, (v, p) => this.#hiss(1800, 300, 0.09, v * 0.7, p)); break;
        case "wrecked": if (one.at) this.#at(one.at, ear, 1, (v, p) => { this.#hiss(2600, 90, 0.5, v * 0.8, p); this.#tone("sawtooth", 320, 40, 0.45, v * 0.45, p); }); break;
        case "captured": if (one.by === mine) this.#chord([523, 659, 784, 1047], 0.3);
          else if (one.at) this.#at(one.at, ear, 0.4, (v, p) => this.#tone("triangle", 520, 780, 0.18, v * 0.5, p)); break;
        case "set": if (one.by === mine) this.#chord([523, 784, 1047, 1319, 1568], 0.4); break;
        default:
      }
    }
  }

  /** The last seconds, and the end. @param {number} pitch */
  beep(pitch) {
    if (this.#isOn && this.#context?.state === "running") this.#tone("sine", pitch, pitch, 0.12, 0.3, 0);
  }

  /**
   * @param {import("./scene.js").Point} at @param {{x: number, y: number}} ear @param {number} volume
   * @param {(volume: number, pan: number) => void} play
   */
  #at(at, ear, volume, play) {
    const far = Math.hypot(at.x - ear.x, at.y - ear.y);
    if (far > EARSHOT || this.#voices >= VOICES_MAX) return;
    this.#voices += 1;
    play(volume * (1 - far / EARSHOT) ** 1.6, Math.max(-0.9, Math.min(0.9, (at.x - ear.x) / 500)));
  }

  /** @param {number[]} notes @param {number} volume */
  #chord(notes, volume) {
    notes.forEach((note, i) => this.#tone("triangle", note, note, 0.22, volume, 0, i * 0.06));
  }

  /** @param {OscillatorType} type @param {number} from @param {number} to @param {number} seconds @param {number} volume @param {number} pan @param {number} [later] */
  #tone(type, from, to, seconds, volume, pan, later = 0) {
    const context = this.#context;
    if (!context) return;
    const source = context.createOscillator();
    source.type = type;
    const begin = context.currentTime + later;
    source.frequency.setValueAtTime(from, begin);
    source.frequency.exponentialRampToValueAtTime(Math.max(1, to), begin + seconds);
    this.#play(source, begin, seconds, volume, pan);
  }

  /** @param {number} from @param {number} to cut-off @param {number} seconds @param {number} volume @param {number} pan */
  #hiss(from, to, seconds, volume, pan) {
    const context = this.#context;
    if (!context || !this.#noise) return;
    const source = context.createBufferSource();
    source.buffer = this.#noise;
    source.loop = true;
    const filter = context.createBiquadFilter();
    filter.type = "lowpass";
    const begin = context.currentTime;
    filter.frequency.setValueAtTime(from, begin);
    filter.frequency.exponentialRampToValueAtTime(Math.max(20, to), begin + seconds);
    source.connect(filter);
    this.#play(source, begin, seconds, volume, pan, filter);
  }

  /** @param {AudioScheduledSourceNode} source @param {number} begin @param {number} seconds @param {number} volume @param {number} pan @param {AudioNode} [last] */
  #play(source, begin, seconds, volume, pan, last = source) {
    const context = this.#context;
    if (!context || !this.#out || volume <= 0.004) return;
    const gain = context.createGain();
    const side = context.createStereoPanner();
    side.pan.value = pan;
    gain.gain.setValueAtTime(volume * 0.6, begin);
    gain.gain.exponentialRampToValueAtTime(0.001, begin + seconds);
    last.connect(gain).connect(side).connect(this.#out);
    source.start(begin);
    source.stop(begin + seconds + 0.02);
  }
}
