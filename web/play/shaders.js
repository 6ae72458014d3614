//! The shaders: everything is a quad, and the fragment shader knows from the quad's shape number how to paint it, with
//! signed distances so that edges are sharp at any size.

/** Numbers of shapes. `picture.js` makes quads of them; `shaders.js` and `canvas.js` paint them. */
export const SHAPE = Object.freeze({
  tv: 0, table: 1, chair: 2, sofa: 3, lamp: 4, shelf: 5, plant: 6, piano: 7,
  floor: 10, rug: 11, wall: 12, door: 13, shadow: 14, boxShadow: 15, outside: 16, window: 17,
  drone: 20, grenade: 21, debris: 22, fog: 23, ring: 24, arc: 25,
  glow: 30, tracer: 31, beam: 32, wave: 33, spark: 34, shield: 35, flare: 36, mark: 37,
});

export const QUAD_VERTEX = `#version 300 es
layout(location=0) in vec2 corner;
layout(location=1) in vec4 place;   // x, y, half width, half height
layout(location=2) in vec4 kind;    // angle, shape, a, b
layout(location=3) in vec4 colour;
uniform vec4 camera;                // x, y, 2 * scale / width, 2 * scale / height
out vec2 local; flat out vec2 size; flat out vec4 what; flat out vec4 tint; out vec2 screen; out vec2 world;
void main() {
  local = corner * place.zw; size = place.zw; what = kind; tint = colour;
  float c = cos(kind.x), s = sin(kind.x);
  world = place.xy + vec2(local.x * c - local.y * s, local.x * s + local.y * c);
  vec2 clip = (world - camera.xy) * camera.zw * vec2(1.0, -1.0);
  screen = clip * 0.5 + 0.5;
  gl_Position = vec4(clip, 0.0, 1.0);
}`;

/** What all fragments share: distances, noise, and painting one coat over another. */
const TOOLS = `
precision highp float;
in vec2 local; flat in vec2 size; flat in vec4 what; flat in vec4 tint; in vec2 screen; in vec2 world;
uniform float px;      // units in a pixel
uniform float time;    // seconds
out vec4 result;
float box(vec2 p, vec2 b, float r) { vec2 q = abs(p) - b + r; return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - r; }
float seg(vec2 p, vec2 a, vec2 b) { vec2 ap = p - a, ab = b - a; return length(ap - ab * clamp(dot(ap, ab) / dot(ab, ab), 0.0, 1.0)); }
float hash(vec2 p) { vec3 q = fract(vec3(p.xyx) * 0.1031); q += dot(q, q.yzx + 33.33); return fract((q.x + q.y) * q.z); }
float noise(vec2 p) {
  vec2 i = floor(p), f = fract(p); f = f * f * (3.0 - 2.0 * f);
  return mix(mix(hash(i), hash(i + vec2(1, 0)), f.x), mix(hash(i + vec2(0, 1)), hash(i + vec2(1, 1)), f.x), f.y);
}
float cloud(vec2 p) { return noise(p) * 0.55 + noise(p * 2.1 + 7.0) * 0.3 + noise(p * 4.3 + 3.0) * 0.15; }
`;

export const LIT_FRAGMENT = `#version 300 es
${TOOLS}
uniform sampler2D lights;
uniform vec4 eyes;     // x, y, how far they see, 1 if there is fog
vec4 coat = vec4(0.0); vec3 shine = vec3(0.0);
float fill(float d) { return clamp(0.5 - d / px, 0.0, 1.0); }
void over(vec3 c, float a) { coat = vec4(c * a + coat.rgb * (1.0 - a), a + coat.a * (1.0 - a)); }
// A block with a bright upper left edge and a dark lower right one: furniture has height.
void block(vec2 p, vec2 b, float r, vec3 c, float bevel) {
  float d = box(p, b, r);
  vec2 n = vec2(box(p + vec2(0.5, 0.0), b, r) - box(p - vec2(0.5, 0.0), b, r), box(p + vec2(0.0, 0.5), b, r) - box(p - vec2(0.0, 0.5), b, r));
  float rim = smoothstep(-bevel, 0.0, d);
  over(c * (1.0 + rim * 0.45 * dot(n, vec2(-0.6, -0.8))), fill(d));
}
void disc(vec2 p, float r, vec3 c, float bevel) {
  float d = length(p) - r;
  float rim = smoothstep(-bevel, 0.0, d);
  over(c * (1.0 + rim * 0.45 * dot(normalize(p + 1e-4), vec2(-0.6, -0.8))), fill(d));
}
vec3 wood(vec2 p, vec3 c) { float g = noise(vec2(p.x * 0.08, p.y * 0.9)); return c * (0.84 + 0.3 * g); }

void tv(float r) {
  block(local - vec2(0, -r * .12), vec2(r * .95, r * .5), 3.0, wood(local, vec3(.3, .19, .12)), 3.0);
  block(local - vec2(0, -r * .18), vec2(r * .82, r * .2), 3.0, vec3(.09, .09, .11), 2.5);
  float scan = .75 + .25 * sin(time * 9.0 + hash(vec2(floor(time * 6.0), r)) * 6.0);
  vec3 screenLight = mix(vec3(.35, .65, 1.0), vec3(.9, .8, 1.0), noise(vec2(time * 1.7, r)));
  float glass = fill(box(local - vec2(0, r * .05), vec2(r * .76, r * .07), 2.0));
  over(screenLight, glass); shine += screenLight * glass * scan * .9;
  float spill = smoothstep(r * .9, 0.0, length((local - vec2(0, r * .15)) * vec2(.8, 1.0))) * step(r * .1, local.y) * .35;
  shine += screenLight * spill * scan;
}
void table(float r) {
  disc(local, r * .97, wood(local, vec3(.5, .32, .18)), 4.0);
  float d = length(local);
  over(vec3(.3, .18, .1), fill(abs(d - r * .82) - .7) * .7);
  disc(local - vec2(-r * .3, -r * .2), r * .27, vec3(.82, .8, .75), 2.0);
  disc(local - vec2(-r * .3, -r * .2), r * .17, vec3(.72, .7, .66), 1.0);
  disc(local - vec2(r * .36, r * .2), r * .14, vec3(.7, .3, .22), 1.5);
  disc(local - vec2(r * .36, r * .2), r * .1, vec3(.16, .09, .05), .5);
}
void chair(float r) {
  block(local - vec2(0, r * .12), vec2(r * .68, r * .66), 4.0, wood(local.yx, vec3(.44, .27, .15)), 2.5);
  block(local - vec2(0, r * .16), vec2(r * .52, r * .5), 5.0, vec3(.62, .3, .24), 4.0);
  block(local - vec2(0, -r * .66), vec2(r * .78, r * .2), 3.5, wood(local, vec3(.36, .22, .12)), 2.5);
}
void sofa(float r) {
  vec3 cloth = vec3(.26, .4, .44);
  block(local, vec2(r * .98, r * .6), 8.0, cloth * .8, 4.0);
  block(local - vec2(-r * .36, r * .1), vec2(r * .35, r * .4), 5.0, cloth * 1.15, 5.0);
  block(local - vec2(r * .36, r * .1), vec2(r * .35, r * .4), 5.0, cloth * 1.15, 5.0);
  block(local - vec2(0, -r * .46), vec2(r * .96, r * .17), 5.0, cloth * .95, 4.0);
  block(local - vec2(-r * .85, 0), vec2(r * .14, r * .56), 5.0, cloth, 3.0);
  block(local - vec2(r * .85, 0), vec2(r * .14, r * .56), 5.0, cloth, 3.0);
  block(local - vec2(-r * .5, -r * .12), vec2(r * .16, r * .16), 4.0, vec3(.85, .6, .25), 3.0);
}
void lamp(float r) {
  disc(local, r * .95, vec3(.62, .5, .34), 3.0);
  float d = length(local) / r;
  over(vec3(1.0, .88, .62), fill((d - .82) * r));
  over(vec3(.75, .6, .4), fill((abs(d - .82)) * r - .8));
  over(vec3(.3, .24, .18), fill(length(local) - r * .13));
  shine += vec3(1.0, .76, .42) * smoothstep(.95, .0, d) * 1.1;
}
void shelf(float r) {
  block(local, vec2(r * .98, r * .44), 2.0, wood(local, vec3(.36, .23, .14)), 3.0);
  vec2 p = local / r;
  over(vec3(.14, .09, .06), fill(box(local, vec2(r * .9, r * .33), 1.0)));
  float n = floor((p.x + .9) / .11);
  vec3 book = .25 + .5 * vec3(hash(vec2(n, 1.0)), hash(vec2(n, 2.0)), hash(vec2(n, 3.0)));
  float tall = .2 + .12 * hash(vec2(n, 4.0));
  float slot = abs(fract((p.x + .9) / .11) - .5) - .42;
  if (abs(p.x) < .88) over(book, fill(max(slot * .11 * r, (abs(p.y) - tall) * r)));
}
void plant(float r) {
  vec2 p = local;
  disc(p, r * .55, vec3(.52, .29, .19), 3.0);
  disc(p, r * .43, vec3(.16, .1, .07), 1.0);
  for (int layer = 0; layer < 3; layer += 1) {
    float turn = float(layer) * .7 + sin(time * .7 + float(layer)) * .03;
    float angle = atan(p.y, p.x) + turn, d = length(p) / r;
    float k = 5.0 + float(layer), leaf = abs(fract(angle / 6.2832 * k) - .5) * 2.0;
    float reach = (1.0 - float(layer) * .27) * (1.0 - leaf * leaf * .72);
    vec3 green = mix(vec3(.1, .3, .14), vec3(.3, .62, .26), float(layer) * .4 + .25 * (1.0 - leaf));
    over(green * (.75 + .5 * d), fill((d - reach) * r * .6));
    over(green * .6, fill((d - reach) * r * .6) * smoothstep(.12, .0, leaf) * .6);
  }
}
void piano(float r) {
  vec3 black = vec3(.075, .07, .085);
  float body = min(box(local - vec2(-r * .2, -r * .08), vec2(r * .68, r * .7), r * .2), length(local - vec2(r * .22, -r * .2)) - r * .64);
  float rim = smoothstep(-4.0, 0.0, body);
  over(black + rim * .08, fill(body));
  over(vec3(.2, .17, .2), fill(abs(body + 6.0) - .8));
  float gloss = smoothstep(.25, 0.0, abs(local.x * .7 + local.y * .7 + r * .3) / r) * fill(body + 6.0);
  over(vec3(.3, .29, .36), gloss * .5);
  block(local - vec2(-r * .05, r * .72), vec2(r * .82, r * .2), 2.0, vec3(.1, .09, .1), 2.0);
  float keys = fill(box(local - vec2(-r * .05, r * .73), vec2(r * .74, r * .13), 1.0));
  over(vec3(.9, .88, .82), keys);
  float n = fract(local.x / (r * .13));
  over(vec3(.05), keys * step(abs(n - .5), .16) * step(local.y, r * .74));
}
void floorCell(vec3 tone, float style) {
  vec2 p = world; vec3 c = tone; float line = 0.0;
  if (style < .5) {
    float row = floor(p.y / 22.0); float x = p.x + hash(vec2(row, 3.0)) * 170.0; float plank = floor(x / 150.0);
    c *= .82 + .3 * hash(vec2(plank, row)); c *= .9 + .2 * noise(vec2(p.x * .03 + plank * 9.0, p.y * .5));
    line = max(smoothstep(1.2, .2, abs(fract(p.y / 22.0) * 22.0)), smoothstep(1.2, .2, abs(fract(x / 150.0) * 150.0)));
  } else if (style < 1.5) {
    vec2 t = floor(p / 42.667); float odd = mod(t.x + t.y, 2.0);
    c *= mix(.72, 1.05, odd) * (.95 + .1 * hash(t)); c *= .96 + .08 * noise(p * .15);
    vec2 e = abs(fract(p / 42.667) - .5) * 42.667; line = smoothstep(20.0, 21.3, max(e.x, e.y)) * .8;
  } else if (style < 2.5) {
    c *= .86 + .16 * noise(p * .9) + .1 * noise(p * .05);
  } else if (style < 3.5) {
    vec2 q = vec2(p.x + p.y, p.x - p.y) * .7071; float col = floor(q.x / 44.0); float odd = mod(col, 2.0);
    float s = q.y + (odd > .5 ? q.x : -q.x); float n = floor(s / 20.0);
    c *= .8 + .34 * hash(vec2(n, col)); line = max(smoothstep(1.6, .2, abs(fract(s / 20.0) * 20.0)), smoothstep(1.4, .2, abs(fract(q.x / 44.0) * 44.0)));
  } else {
    vec2 t = p / 64.0; t.x += mod(floor(t.y), 2.0) * .5; vec2 f = abs(fract(t) - .5); line = smoothstep(.465, .495, max(f.x, f.y));
    c *= .86 + .24 * hash(floor(t)) + .1 * (noise(p * .12) - .5);
  }
  over(c * (1.0 - line * .45), 1.0);
}
void drone(float r) {
  vec2 p = local / r; float spin = time * 31.0;
  for (int i = 0; i < 4; i += 1) {
    vec2 at = vec2(i < 2 ? .66 : -.66, i % 2 == 0 ? .66 : -.66); vec2 q = p - at; float d = length(q);
    over(vec3(.1, .11, .14), fill((seg(p, vec2(0), at) - .1) * r));
    float blade = .5 + .5 * cos(2.0 * (atan(q.y, q.x) + spin * (i % 2 == 0 ? 1.0 : -1.0)));
    over(vec3(.75, .8, .9), fill((d - .36) * r) * (.13 + .3 * blade * blade));
    over(vec3(.16, .17, .2), fill((abs(d - .36) - .05) * r));
    shine += tint.rgb * fill((abs(d - .36) - .04) * r) * .5;
  }
  float d = length(p);
  over(vec3(.13, .14, .18) * (1.25 - .5 * dot(p, vec2(.5, .7))), fill((d - .64) * r));
  float ring = fill((abs(d - .5) - .1) * r); over(tint.rgb, ring); shine += tint.rgb * ring * .85;
  over(vec3(.07, .08, .1), fill((seg(p, vec2(.2, 0), vec2(1.02, 0)) - .13) * r));
  over(tint.rgb * .5 + .3, fill((seg(p, vec2(.86, 0), vec2(1.0, 0)) - .1) * r));
  over(vec3(.85, .92, 1.0), fill((length(p - vec2(.12, 0)) - .2) * r)); shine += vec3(.7, .85, 1.0) * fill((length(p - vec2(.12, 0)) - .17) * r) * .6;
  coat *= tint.a; shine *= tint.a;
}
void main() {
  int shape = int(what.y + .5); float r = size.x; bool isBody = shape < 8; float veil = 1.0;
  if (isBody) {
    r = size.x / 1.2;
    if (shape == 0) tv(r); else if (shape == 1) table(r); else if (shape == 2) chair(r); else if (shape == 3) sofa(r);
    else if (shape == 4) lamp(r); else if (shape == 5) shelf(r); else if (shape == 6) plant(r); else piano(r);
    // b: how broken it is; a: how much of its captor's colour it has.
    float crack = smoothstep(.06, .0, abs(noise(local * .11 + 31.0) - .5)) * smoothstep(.25, .8, what.w);
    coat.rgb *= 1.0 - crack * .7 - what.w * .2;
    float grey = dot(coat.rgb, vec3(.3, .5, .2));
    coat.rgb = mix(coat.rgb, tint.rgb * (.25 * coat.a + grey * 1.5), what.z * .8);
    shine = mix(shine, tint.rgb * (.16 + .3 * grey) * coat.a, what.z);
  } else if (shape == 10) floorCell(tint.rgb, what.z);
  else if (shape == 11) {
    float d = box(local, size - 2.0, 10.0); vec3 c = tint.rgb * (.85 + .25 * noise(world * .8));
    over(c, fill(d)); float inner = abs(d + 14.0); over(vec3(.78, .68, .5) * (.8 + .2 * noise(world)), fill(inner - 2.0));
    over(c * 1.5, fill(abs(d + 24.0) - 1.0) * .7); vec2 q = abs(fract(world / 34.0) - .5); over(c * 1.35, fill((q.x + q.y - .2) * 34.0) * fill(d + 34.0) * .8);
  } else if (shape == 12) {
    float d = box(local, size, 2.5); float rim = smoothstep(-3.0, 0.0, d);
    over(tint.rgb * (.9 + .12 * noise(world * .08)) + rim * .12, fill(d)); shine += vec3(.03, .035, .055) + rim * vec3(.05, .055, .08);
  } else if (shape == 13) {
    block(local, size, 2.0, wood(world, tint.rgb), 2.0); over(vec3(.85, .7, .35), fill(length(local - vec2(size.x * .75, 0)) - 2.0));
  } else if (shape == 14) { float d = length(local / size); over(vec3(0), smoothstep(1.0, .35, d) * tint.a); veil = 0.0; }
  else if (shape == 15) { float d = box(local, size - what.z, what.z * .5); over(vec3(0), smoothstep(what.z, -what.z * .4, d) * tint.a); veil = 0.0; }
  else if (shape == 16) {
    vec2 p = world; float g = cloud(p * .02); over(vec3(.05, .1, .075) * (.55 + .7 * g) + vec3(.0, .03, .012) * noise(p * .5), 1.0);
    shine += vec3(.03, .05, .066) * (.3 + g); veil = 0.0;
  } else if (shape == 17) {
    over(vec3(.55, .7, .9), fill(box(local, size, 1.0))); shine += vec3(.28, .4, .62) * coat.a * .8; over(vec3(.2, .22, .28), fill(abs(local.x) - 1.2)); veil = 0.0;
  } else if (shape == 20) drone(size.x / 1.35);
  else if (shape == 21) {
    disc(local, size.x * .6, vec3(.2, .24, .2), 2.5); float blink = step(.5, fract(time * (what.z < 20.0 ? 8.0 : 3.0)));
    float eye = fill(length(local) - size.x * .22); over(tint.rgb, eye); shine += tint.rgb * eye * (.4 + blink);
  } else if (shape == 22) { block(local, size * .8, .5, tint.rgb, 1.0); coat *= tint.a; }
  else if (shape == 23) {
    float n = cloud(world * .008 + vec2(time * .05, time * .03)); float n2 = cloud(world * .017 - vec2(time * .04, -time * .06));
    float near = smoothstep(.2, 1.0, length(world - eyes.xy) / eyes.z);
    float thick = mix(.06, .8, near) * (.55 + .55 * n) * (.7 + .5 * n2);
    over(vec3(.055, .07, .115) * (.6 + .9 * n * n2), clamp(thick, 0.0, .94) * tint.a); shine += vec3(.1, .125, .2) * n * n2 * coat.a; veil = 0.0;
  }
  if (coat.a + shine.g + shine.r + shine.b <= 0.003) discard;
  vec2 hop = 1.2 / vec2(textureSize(lights, 0));
  vec4 light = texture(lights, screen) * .4;
  light += (texture(lights, screen + vec2(hop.x, hop.y)) + texture(lights, screen + vec2(-hop.x, hop.y)) + texture(lights, screen + vec2(hop.x, -hop.y)) + texture(lights, screen - hop)) * .15;
  vec3 ambient = vec3(.15, .165, .23);
  vec3 c = coat.rgb * (ambient + light.rgb * 2.0) + shine;
  if (eyes.w > .5 && veil > .5) { float grey = dot(c, vec3(.3, .5, .2)); c = mix(vec3(grey) * vec3(.42, .46, .6), c, .35 + .65 * light.a); }
  c = c / (1.0 + max(max(c.r, c.g), c.b) * .22);
  result = vec4(c, coat.a);
}`;

export const GLOW_FRAGMENT = `#version 300 es
${TOOLS}
void main() {
  int shape = int(what.y + .5); vec2 p = local / size; float d = length(p), a = 0.0; vec3 c = tint.rgb;
  if (shape == 30) { a = pow(max(0.0, 1.0 - d), 2.2); }
  else if (shape == 31) {
    float tail = (p.x + 1.0) * .5; float across = abs(local.y); float width = size.y * .5 * tail;
    a = tail * tail * smoothstep(width, width * .2, across); float head = smoothstep(size.y * .9, 0.0, length(local - vec2(size.x - size.y, 0)));
    a = a * .8 + head; c = mix(c, vec3(1), head * .7);
  } else if (shape == 32) {
    float across = abs(p.y); float core = smoothstep(.16, .06, across); float sheath = pow(max(0.0, 1.0 - across), 3.0);
    float wave = .75 + .25 * sin(local.x * .09 - time * 40.0); float ends = smoothstep(0.0, 12.0, size.x - abs(local.x));
    a = (core + sheath * .6 * wave) * ends; c = mix(c, vec3(1), core * .85);
  } else if (shape == 33) {
    float edge = abs(d - .86); a = smoothstep(.14, .0, edge) + .35 * smoothstep(.86, .3, d) * step(d, .86) * what.z; a *= step(d, 1.0);
    c = mix(c, vec3(1.0, .95, .85), smoothstep(.05, .0, edge) * .7);
  } else if (shape == 34) { a = smoothstep(1.0, .0, abs(p.y)) * smoothstep(1.0, .1, abs(p.x)); c = mix(c, vec3(1), .4); }
  else if (shape == 35) { float rim = smoothstep(.2, .0, abs(d - .85)); float hex = noise(local * .35 + time * 2.0); a = (rim * .8 + .18 * step(d, .85) * hex) * step(d, 1.0); }
  else if (shape == 36) { float star = max(0.0, 1.0 - abs(p.x) * 1.1) * max(0.0, 1.0 - abs(p.y) * 9.0) + max(0.0, 1.0 - abs(p.y) * 1.1) * max(0.0, 1.0 - abs(p.x) * 9.0); a = star + pow(max(0.0, 1.0 - d), 3.0); }
  else if (shape == 24) { float w = what.z / size.x; a = smoothstep(px / size.x, 0.0, abs(d - 1.0 + w) - w * .5); }
  else if (shape == 25) {
    float w = what.z / size.x; float ring = smoothstep(px / size.x, 0.0, abs(d - 1.0 + w) - w * .5);
    float turn = fract(atan(local.x, -local.y) / 6.2831853 + 1.0); a = ring * (turn < what.w ? 1.0 : .16);
  }
  result = vec4(c * a * tint.a, 0.0);
}`;

export const LIGHT_VERTEX = `#version 300 es
layout(location=0) in vec2 at; layout(location=1) in vec3 source; layout(location=2) in vec3 colour;
uniform vec4 camera; out vec2 offset; flat out vec3 tint;
void main() {
  vec2 clip = (at - camera.xy) * camera.zw * vec2(1.0, -1.0);
  offset = (at - source.xy) / source.z; tint = colour; gl_Position = vec4(clip, 0.0, 1.0);
}`;

export const LIGHT_FRAGMENT = `#version 300 es
precision highp float;
in vec2 offset; flat in vec3 tint; uniform float isEyes; out vec4 result;
void main() {
  float d = length(offset);
  if (isEyes > .5) { result = vec4(0.0, 0.0, 0.0, smoothstep(1.0, .8, d)); return; }
  float fall = max(0.0, 1.0 - d); fall = fall * fall * (1.0 + fall * .6);
  result = vec4(tint * fall, 0.0);
}`;
