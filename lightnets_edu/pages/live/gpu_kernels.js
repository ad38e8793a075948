// What does a layer do on a graphics chip? The kernels in WGSL, the language of WebGPU.
//
// One image at a time, in float32. A map is [channel][row][column], as in kernels.c. A kernel runs in many threads at
// once; a group of 64 threads shares some memory, and its threads can wait for each other. What each thread does is
// written from the view of one.

/** What `each` can do to every number of a map. */
export const EACH = [
  "activate",
  "affine",
  "add",
  "shift",
  "gate",
  "sigmoid",
  "hard_sigmoid",
  "shuffle",
  "response_norm",
];

/** What a kernel is told: whole numbers, then others. The same order as in the struct below. */
export const WHOLE = [
  ...["channels", "height", "width", "outs", "out_height", "out_width", "kernel", "stride", "padding", "groups"],
  ...["x_at", "z_at", "y_at", "place", "op"],
];
export const BROKEN = ["low", "high", "alpha", "k", "bound"];

const WGSL_STRUCT = `
  struct Call {
    ${[...WHOLE.map((name) => `${name}: u32`), ...BROKEN.map((name) => `${name}: f32`)].join(", ")}
  }
  ${EACH.map((name, at) => `const ${name.toUpperCase()} = ${at}u;`).join(" ")}`;

export const WGSL = `${WGSL_STRUCT}
  @group(0) @binding(0) var<uniform> call: Call;
  @group(0) @binding(1) var<storage, read> x: array<f32>;
  // A second map, or weights; the matrix product reads four of them at a time.
  @group(0) @binding(2) var<storage, read> z: array<f32>;
  @group(0) @binding(2) var<storage, read> tiles: array<vec4f>;
  @group(0) @binding(3) var<storage, read> bias: array<f32>;
  @group(0) @binding(4) var<storage, read_write> y: array<f32>;

  // The number of a thread or of a group, where there are too many for one direction.
  fn flat(id: vec3u, across: u32) -> u32 { return id.y * across + id.x; }
  fn activated(value: f32) -> f32 { return clamp(value, call.low, call.high); }

  // ------------------------------------------------------------------------------------------ numbers from nowhere

  // The hash of kernels.c. Its result, less 2^31, is a signed number.
  fn hashed(place: u32) -> f32 {
    var v = place;
    v = (v ^ (v >> 16u)) * 0x7feb352du;
    v = (v ^ (v >> 15u)) * 0x846ca68bu;
    v = v ^ (v >> 16u);
    return f32(bitcast<i32>(v ^ 0x80000000u)) * call.bound;
  }
  @compute @workgroup_size(64)
  fn fill(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) many: vec3u) {
    let i = flat(id, many.x * 64u);
    if (i < call.outs) { y[i] = hashed(call.place + i); }
  }
  // Filters in the order in which the matrix product reads them: for each group and each place of the window all
  // filters side by side, with zeros up to a multiple of four.
  @compute @workgroup_size(64)
  fn fill_tiles(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) many: vec3u) {
    let i = flat(id, many.x * 64u);
    let rows = call.outs / call.groups;
    let padded = (rows + 3u) / 4u * 4u;
    if (i >= call.groups * call.channels * padded) { return; }
    let row = i % padded;
    let depth = i / padded % call.channels;
    let group = i / padded / call.channels;
    y[i] = select(0.0, hashed(call.place + (group * rows + row) * call.channels + depth), row < rows);
  }

  // ------------------------------------------------------------------------------ convolution as a matrix product
  //
  // As in kernels.c: filters times windows. A group of threads makes 32 rows and 32 columns, each thread 4 by 4. Sixteen
  // places of the windows at a time are copied into the memory that the group shares, where each number is read 32 times.
  override plain: bool = false; // a 1x1 convolution of every pixel: the windows are the map itself
  var<workgroup> some_filters: array<array<vec4f, 8>, 16>;
  var<workgroup> some_windows: array<array<vec4f, 8>, 16>;

  fn window(group: u32, depth: u32, column: u32) -> f32 {
    let ins = call.channels / call.groups;
    let pixels = call.out_height * call.out_width;
    if (column >= pixels || depth >= ins * call.kernel * call.kernel) { return 0.0; }
    if (plain) { return x[call.x_at + (group * ins + depth) * pixels + column]; }
    let area = call.kernel * call.kernel;
    let part = depth % area;
    // A place above or left of the map becomes a huge number, since these are numbers without a sign.
    let row = column / call.out_width * call.stride + part / call.kernel - call.padding;
    let across = column % call.out_width * call.stride + part % call.kernel - call.padding;
    if (row >= call.height || across >= call.width) { return 0.0; }
    return x[call.x_at + ((group * ins + depth / area) * call.height + row) * call.width + across];
  }
  @compute @workgroup_size(8, 8)
  fn convolution(@builtin(local_invocation_id) me: vec3u, @builtin(workgroup_id) tile: vec3u) {
    let group = tile.z;
    let rows = call.outs / call.groups;
    let quads = (rows + 3u) / 4u;
    let pixels = call.out_height * call.out_width;
    let depth = call.channels / call.groups * call.kernel * call.kernel;
    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
    for (var first = 0u; first < depth; first += 16u) {
      for (var part = 0u; part < 2u; part++) {
        let at = me.y + 8u * part;
        let place = first + at;
        let quad = tile.y * 8u + me.x;
        let column = tile.x * 32u + me.x * 4u;
        var four = vec4f();
        if (quad < quads && place < depth) { four = tiles[(group * depth + place) * quads + quad]; }
        some_filters[at][me.x] = four;
        some_windows[at][me.x] = vec4f(window(group, place, column), window(group, place, column + 1u),
                                       window(group, place, column + 2u), window(group, place, column + 3u));
      }
      workgroupBarrier();
      for (var at = 0u; at < 16u; at++) {
        let a = some_filters[at][me.y];
        let b = some_windows[at][me.x];
        s0 += a.x * b; s1 += a.y * b; s2 += a.z * b; s3 += a.w * b;
      }
      workgroupBarrier();
    }
    var sums = array<vec4f, 4>(s0, s1, s2, s3);
    for (var i = 0u; i < 4u; i++) {
      let row = tile.y * 32u + me.y * 4u + i;
      if (row >= rows) { break; }
      let out = group * rows + row;
      for (var j = 0u; j < 4u; j++) {
        let column = tile.x * 32u + me.x * 4u + j;
        if (column < pixels) { y[call.y_at + out * pixels + column] = activated(sums[i][j] + bias[out]); }
      }
    }
  }

  // ----------------------------------------------------------------------------------------- one filter, one window

  @compute @workgroup_size(8, 8)
  fn depthwise(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= call.out_width || id.y >= call.out_height) { return; }
    let channel = id.z / (call.outs / call.channels);
    var sum = bias[id.z];
    for (var dy = 0u; dy < call.kernel; dy++) {
      let row = id.y * call.stride + dy - call.padding;
      if (row >= call.height) { continue; }
      let start = call.x_at + (channel * call.height + row) * call.width;
      for (var dx = 0u; dx < call.kernel; dx++) {
        let across = id.x * call.stride + dx - call.padding;
        if (across < call.width) { sum += x[start + across] * z[(id.z * call.kernel + dy) * call.kernel + dx]; }
      }
    }
    y[call.y_at + (id.z * call.out_height + id.y) * call.out_width + id.x] = activated(sum);
  }
  override average: bool = false;
  @compute @workgroup_size(8, 8)
  fn pool(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= call.out_width || id.y >= call.out_height) { return; }
    var found = select(call.low, 0.0, average);
    for (var dy = 0u; dy < call.kernel; dy++) {
      let row = id.y * call.stride + dy - call.padding;
      if (row >= call.height) { continue; }
      let start = call.x_at + (id.z * call.height + row) * call.width;
      for (var dx = 0u; dx < call.kernel; dx++) {
        let across = id.x * call.stride + dx - call.padding;
        if (across >= call.width) { continue; }
        if (average) { found += x[start + across]; } else { found = max(found, x[start + across]); }
      }
    }
    if (average) { found /= f32(call.kernel * call.kernel); }
    y[call.y_at + (id.z * call.out_height + id.y) * call.out_width + id.x] = found;
  }

  // --------------------------------------------------------------------------------------- one number from a group

  // Each thread has a part of the sum; half of them add the other half's, until one has all.
  var<workgroup> parts: array<f32, 64>;
  fn total(me: u32, part: f32) -> f32 {
    parts[me] = part;
    for (var half = 32u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (me < half) { parts[me] += parts[me + half]; }
    }
    return parts[0];
  }
  @compute @workgroup_size(64)
  fn mean(@builtin(local_invocation_id) me: vec3u, @builtin(workgroup_id) group: vec3u) {
    let size = call.height * call.width;
    var part = 0.0;
    for (var i = me.x; i < size; i += 64u) { part += x[call.x_at + group.x * size + i]; }
    let sum = total(me.x, part);
    if (me.x == 0u) { y[call.y_at + group.x] = sum / f32(size); }
  }
  @compute @workgroup_size(64)
  fn linear(@builtin(local_invocation_id) me: vec3u, @builtin(workgroup_id) group: vec3u) {
    var part = 0.0;
    for (var i = me.x; i < call.channels; i += 64u) { part += x[call.x_at + i] * z[group.x * call.channels + i]; }
    let sum = total(me.x, part);
    if (me.x == 0u) { y[call.y_at + group.x] = activated(sum + bias[group.x]); }
  }

  // -------------------------------------------------------------------------------------------- number by number

  @compute @workgroup_size(64)
  fn each(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) many: vec3u) {
    let i = flat(id, many.x * 64u);
    let size = call.out_height * call.out_width;
    if (i >= call.outs * size) { return; }
    let channel = i / size;
    var value = x[call.x_at + i];
    switch call.op {
      case AFFINE: { value = value * z[channel] + bias[channel]; }
      case ADD: { value += z[call.z_at + i]; }
      case SHIFT: { value += z[call.z_at + channel]; }
      case GATE: { value *= z[call.z_at + channel]; }
      case SIGMOID: { value = 1.0 / (1.0 + exp(-value)); }
      case HARD_SIGMOID: { value = clamp(value / 6.0 + 0.5, 0.0, 1.0); }
      case SHUFFLE: { // the channels as a table with a row for each group, read column by column
        let start = channel % call.groups * (call.outs / call.groups) + channel / call.groups;
        value = x[call.x_at + start * size + i % size];
      }
      case RESPONSE_NORM: { // among \`kernel\` neighbours
        var sum = 0.0;
        let first = channel - min(channel, call.kernel / 2u);
        let last = min(call.outs - 1u, channel + (call.kernel - 1u) / 2u);
        for (var other = first; other <= last; other++) {
          let neighbour = x[call.x_at + other * size + i % size];
          sum += neighbour * neighbour;
        }
        let root = sqrt(call.k + call.alpha / f32(call.kernel) * sum);
        value /= root * sqrt(root);
      }
      default: {}
    }
    y[call.y_at + i] = activated(value);
  }`;
