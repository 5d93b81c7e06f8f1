// Where to draw accounts and what they share: a small force layout, the same for the same network, in bounded steps.
// After T. Fruchterman and E. Reingold, Graph drawing by force-directed placement (1991).

const STEPS = 140;
const GOLDEN_ANGLE = 2.399963;

/** Positions of the nodes, in their order, each as [x, y] from 0 to 1. */
export function layout(nodes, edges) {
  const many = nodes.length;
  const place = new Map(nodes.map((node, index) => [node.id, index]));
  const pairs = edges.map((edge) => [place.get(edge.a), place.get(edge.b)]).filter(([a, b]) => a !== undefined && b !== undefined);
  const x = new Float64Array(many);
  const y = new Float64Array(many);
  for (let i = 0; i < many; i += 1) { // a spiral: nobody starts on top of another
    const radius = Math.sqrt((i + 0.5) / many) / 2;
    x[i] = radius * Math.cos(i * GOLDEN_ANGLE);
    y[i] = radius * Math.sin(i * GOLDEN_ANGLE);
  }
  const ideal = 0.9 / Math.sqrt(many);
  for (let step = 0; step < STEPS; step += 1) moveAll(x, y, pairs, ideal, 0.12 * (1 - step / STEPS));
  return fitted(x, y);
}

function moveAll(x, y, pairs, ideal, heat) {
  const many = x.length;
  const dx = new Float64Array(many);
  const dy = new Float64Array(many);
  for (let i = 0; i < many; i += 1) {
    for (let j = i + 1; j < many; j += 1) {
      const [ux, uy] = [x[i] - x[j], y[i] - y[j]];
      const push = (ideal * ideal) / Math.max(1e-6, ux * ux + uy * uy);
      dx[i] += ux * push; dy[i] += uy * push;
      dx[j] -= ux * push; dy[j] -= uy * push;
    }
  }
  for (const [a, b] of pairs) {
    const [ux, uy] = [x[a] - x[b], y[a] - y[b]];
    const pull = Math.hypot(ux, uy) / ideal;
    dx[a] -= ux * pull; dy[a] -= uy * pull;
    dx[b] += ux * pull; dy[b] += uy * pull;
  }
  for (let i = 0; i < many; i += 1) {
    dx[i] -= x[i] * 0.6; dy[i] -= y[i] * 0.6; // what has no tie must not drift away
    const length = Math.max(1e-9, Math.hypot(dx[i], dy[i]));
    const far = Math.min(length, heat) / length;
    x[i] += dx[i] * far;
    y[i] += dy[i] * far;
  }
}

function fitted(x, y) {
  const scaled = (values) => {
    const low = Math.min(...values);
    const wide = Math.max(...values) - low || 1;
    return (value) => (value - low) / wide;
  };
  const [across, down] = [scaled(x), scaled(y)];
  return Array.from(x, (_, i) => [across(x[i]), down(y[i])]);
}
