package dev.hydra.router.topk;

/**
 * What the decision for a chunk is made from; each looks at nothing after the chunk's start.
 * Kernels know them by their order.
 */
enum Summary {
  /** The mean of the chunk before. */
  PREVIOUS_CHUNK,
  /** The mean of everything before. */
  RUNNING_MEAN,
  /** The chunk's own first token. */
  FIRST_TOKEN
}
