/** A picture from the camera: in a window of the page, or by the telephone's own program. */

/**
 * Ask for a photograph.
 *
 * @param {HTMLDialogElement} dialog with a video, and buttons whose values are take and cancel
 * @param {HTMLInputElement} input what opens the telephone's program
 * @returns {Promise<Blob | null>} null where none was taken here; `input` may bring one later
 * @throws {Error} there is no camera, or it may not be used
 */
export async function photograph(dialog, input) {
  // Without HTTPS, browsers give no page a camera, but let its user open one.
  if (!navigator.mediaDevices?.getUserMedia) {
    input.click();
    return null;
  }
  const stream = await navigator.mediaDevices
    .getUserMedia({ video: { facingMode: "environment" } })
    .catch(() => {
      throw new Error("There is no camera here, or this page may not use it.");
    });
  const video = dialog.querySelector("video");
  video.srcObject = stream;
  // Before the camera shows anything, too.
  const choice = chosen(dialog);
  dialog.showModal();
  try {
    await video.play();
    if ((await choice) !== "take") return null;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    return await canvas.convertToBlob({ type: "image/png" });
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    dialog.close();
  }
}

function chosen(dialog) {
  return new Promise((resolve) => {
    dialog.onclick = ({ target }) => target.value && resolve(target.value);
    dialog.oncancel = () => resolve("cancel");
  });
}
