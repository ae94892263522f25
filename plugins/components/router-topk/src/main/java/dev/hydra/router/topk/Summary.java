package dev.hydra.router.topk;

/** What the decision for a chunk is made from; each looks at nothing after the chunk's start. */
enum Summary {
  /** The mean of the chunk before. */
  PREVIOUS_CHUNK(0),
  /** The mean of everything before. */
  RUNNING_MEAN(1),
  /** The chunk's own first token. */
  FIRST_TOKEN(2);

  private final int number;

  Summary(int number) {
    this.number = number;
  }

  /** The number that kernels know it by. */
  int number() {
    return number;
  }
}
