import { type ImagesDone, type ImagesTask, judgeImages } from "./images.js";

/** What a worker says: how far it is, and at last what it found. */
export type ImagesWord = { readonly images: number } | { readonly done: ImagesDone };

const say = (word: ImagesWord): void => void process.send?.(word);

process.once("message", (task: ImagesTask) => {
  void judgeImages(task, (images) => say({ images })).then((done) => {
    const word: ImagesWord = { done };
    // It is large, and what is not written by then is lost with the channel.
    process.send?.(word, () => process.disconnect?.());
  });
});
