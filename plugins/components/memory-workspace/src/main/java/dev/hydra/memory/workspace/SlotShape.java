package dev.hydra.memory.workspace;

/**
 * The sizes of a workspace.
 *
 * @param chunk tokens that write together
 * @param slots what they write to
 * @param heads parts of a slot, each with weights of its own for the tokens
 * @param head elements of such a part
 */
record SlotShape(int chunk, int slots, int heads, int head) {
  /** The elements of a slot. */
  int dim() {
    return heads * head;
  }
}
