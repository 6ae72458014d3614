//! Paints a picture with WebGL 2: one pass for light into a small texture, one for everything that is lit, one for what
//! shines by itself. Three or four draw calls a frame, however much there is to see.

import { GLOW_FRAGMENT, LIGHT_FRAGMENT, LIGHT_VERTEX, LIT_FRAGMENT, QUAD_VERTEX } from "./shaders.js";
import { QUAD_FLOATS } from "./picture.js";

/** @typedef {import("./picture.js").Picture} Picture */

/** The light texture is this much smaller than the canvas: light is soft anyway. */
const LIGHT_SCALE = 4;
/** Floats of one corner of a light's outline. */
export const LIGHT_FLOATS = 8;

export class WebGlPainter {
  #canvas;
  #gl;
  #lit;
  #glow;
  #light;
  #quads;
  #fans;
  #target;
  #texture;
  #lightWidth = 0;
  #lightHeight = 0;

  /** @param {HTMLCanvasElement} canvas @param {WebGL2RenderingContext} gl */
  constructor(canvas, gl) {
    this.#canvas = canvas;
    this.#gl = gl;
    this.#lit = program(gl, QUAD_VERTEX, LIT_FRAGMENT);
    this.#glow = program(gl, QUAD_VERTEX, GLOW_FRAGMENT);
    this.#light = program(gl, LIGHT_VERTEX, LIGHT_FRAGMENT);
    this.#quads = quadBuffers(gl);
    this.#fans = fanBuffers(gl);
    this.#texture = gl.createTexture();
    this.#target = gl.createFramebuffer();
  }

  /**
   * Whether the browser has WebGL 2 with a graphics card behind it. One that is computed is slower than a 2D canvas.
   * @returns {boolean}
   */
  static isFast() {
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) return false;
    const about = gl.getExtension("WEBGL_debug_renderer_info");
    const name = String(about ? gl.getParameter(about.UNMASKED_RENDERER_WEBGL) : gl.getParameter(gl.RENDERER));
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return !/swiftshader|llvmpipe|software|basic render/i.test(name);
  }

  /** @param {HTMLCanvasElement} canvas @returns {WebGlPainter | null} null without WebGL 2 */
  static on(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, powerPreference: "high-performance" });
    if (!gl) return null;
    try {
      return new WebGlPainter(canvas, gl);
    } catch (error) {
      console.warn("WebGL does not work here; drawing without it.", error);
      return null;
    }
  }

  /** @param {Picture} picture */
  paint(picture) {
    const gl = this.#gl;
    if (gl.isContextLost()) return;
    const { width, height } = this.#canvas;
    const { camera } = picture;
    const view = [camera.x, camera.y, (2 * camera.scale) / width, (2 * camera.scale) / height];
    this.#paintLight(picture, view);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    gl.clearColor(0.01, 0.015, 0.025, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.bindVertexArray(this.#quads.array);

    gl.useProgram(this.#lit.program);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    gl.uniform4f(this.#lit.at("eyes"), picture.eyes.x, picture.eyes.y, picture.eyes.radius, picture.hasFog ? 1 : 0);
    this.#paintQuads(this.#lit, picture.lit, view, picture);

    gl.useProgram(this.#glow.program);
    gl.blendFunc(gl.ONE, gl.ONE);
    this.#paintQuads(this.#glow, picture.glow, view, picture);
    gl.bindVertexArray(null);
  }

  /** @param {Program} kind @param {import("./picture.js").Quads} quads @param {number[]} view @param {Picture} picture */
  #paintQuads(kind, quads, view, picture) {
    const gl = this.#gl;
    gl.uniform4fv(kind.at("camera"), view);
    gl.uniform1f(kind.at("px"), 1 / picture.camera.scale);
    gl.uniform1f(kind.at("time"), picture.seconds % 1000);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#quads.instances);
    gl.bufferData(gl.ARRAY_BUFFER, quads.floats.subarray(0, quads.count * QUAD_FLOATS), gl.STREAM_DRAW);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, quads.count);
  }

  /** @param {Picture} picture @param {number[]} view */
  #paintLight(picture, view) {
    const gl = this.#gl;
    this.#fitLight();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#target);
    gl.viewport(0, 0, this.#lightWidth, this.#lightHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE);
    gl.useProgram(this.#light.program);
    gl.uniform4fv(this.#light.at("camera"), view);
    gl.bindVertexArray(this.#fans.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#fans.vertices);
    gl.bufferData(gl.ARRAY_BUFFER, picture.light.floats.subarray(0, picture.light.count * LIGHT_FLOATS), gl.STREAM_DRAW);
    const eyesFrom = picture.light.eyesFrom;
    gl.uniform1f(this.#light.at("isEyes"), 0);
    gl.drawArrays(gl.TRIANGLES, 0, eyesFrom);
    if (picture.light.count > eyesFrom) {
      gl.uniform1f(this.#light.at("isEyes"), 1);
      gl.drawArrays(gl.TRIANGLES, eyesFrom, picture.light.count - eyesFrom);
    }
    gl.bindVertexArray(null);
  }

  #fitLight() {
    const gl = this.#gl;
    const width = Math.max(1, Math.ceil(this.#canvas.width / LIGHT_SCALE));
    const height = Math.max(1, Math.ceil(this.#canvas.height / LIGHT_SCALE));
    if (width === this.#lightWidth && height === this.#lightHeight) return;
    [this.#lightWidth, this.#lightHeight] = [width, height];
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    for (const [name, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ]) gl.texParameteri(gl.TEXTURE_2D, /** @type {number} */ (name), /** @type {number} */ (value));
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#target);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.#texture, 0);
  }
}

/** @typedef {{program: WebGLProgram, at: (name: string) => WebGLUniformLocation | null}} Program */

/** @param {WebGL2RenderingContext} gl @param {string} vertex @param {string} fragment @returns {Program} */
function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [type, source] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]])) {
    const shader = gl.createShader(type);
    if (!shader) throw new Error("The graphics are gone.");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? "A shader does not compile.");
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) ?? "Shaders do not link.");
  /** @type {Map<string, WebGLUniformLocation | null>} */
  const places = new Map();
  const at = (/** @type {string} */ name) => {
    if (!places.has(name)) places.set(name, gl.getUniformLocation(made, name));
    return places.get(name) ?? null;
  };
  return { program: made, at };
}

/** @param {WebGL2RenderingContext} gl */
function quadBuffers(gl) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  const instances = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, instances);
  for (let i = 0; i < 3; i += 1) {
    gl.enableVertexAttribArray(i + 1);
    gl.vertexAttribPointer(i + 1, 4, gl.FLOAT, false, QUAD_FLOATS * 4, i * 16);
    gl.vertexAttribDivisor(i + 1, 1);
  }
  gl.bindVertexArray(null);
  return { array, instances };
}

/** @param {WebGL2RenderingContext} gl */
function fanBuffers(gl) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  const vertices = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, vertices);
  [[2, 0], [3, 8], [3, 20]].forEach(([size, offset], i) => {
    gl.enableVertexAttribArray(i);
    gl.vertexAttribPointer(i, size ?? 1, gl.FLOAT, false, LIGHT_FLOATS * 4, offset ?? 0);
  });
  gl.bindVertexArray(null);
  return { array, vertices };
}
