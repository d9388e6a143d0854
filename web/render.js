/** Strokes as pixels. */

/**
 * Draw strokes on a context whose units are those of the sheet; what is erased becomes transparent.
 *
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {import("./drawing.js").Stroke[]} strokes
 * @param {string} ink a colour
 */
export function drawStrokes(context, strokes, ink) {
  context.strokeStyle = context.fillStyle = ink;
  context.lineCap = context.lineJoin = "round";
  for (const { points, width, erases } of strokes) {
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.lineWidth = width;
    context.beginPath();
    if (points.length === 2) {
      context.arc(points[0], points[1], width / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    // Through the middles between the points, bent at these: a fast mouse gives few of them.
    context.moveTo(points[0], points[1]);
    for (let at = 2; at < points.length - 2; at += 2) {
      const x = (points[at] + points[at + 2]) / 2;
      const y = (points[at + 1] + points[at + 3]) / 2;
      context.quadraticCurveTo(points[at], points[at + 1], x, y);
    }
    context.lineTo(points.at(-2), points.at(-1));
    context.stroke();
  }
  context.globalCompositeOperation = "source-over";
}
