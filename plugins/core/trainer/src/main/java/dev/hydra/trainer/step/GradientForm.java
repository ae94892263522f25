package dev.hydra.trainer.step;

/** In which form gradients come to the optimizer. */
enum GradientForm {
  /** As the one backward of a step has left them, in no buffers. */
  HANDED_OVER,

  /**
   * Added up in buffers in the type of the masters; of a table the rows that were read, whose
   * number the host must know.
   */
  SPARSE_TABLES,

  /** Added up in buffers, of a table too, beside which stands which rows were read. */
  DENSE_TABLES
}
