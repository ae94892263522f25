package dev.hydra.cli;

import dev.hydra.libtorch.runtime.CudaOutOfMemory;

/** A command that knows what takes less memory of its CUDA device. */
interface LessMemory {
  /** What another command can do. */
  String ANY =
      "Less is taken with --precision bf16 or a smaller model; nvidia-smi shows what else is on the"
          + " device, and --device cuda:N names another one.";

  /**
   * Says what to do, in sentences.
   *
   * @param refused what was needed, and what there is
   */
  String lessMemory(CudaOutOfMemory refused);
}
