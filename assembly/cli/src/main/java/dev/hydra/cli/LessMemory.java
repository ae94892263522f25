package dev.hydra.cli;

import dev.hydra.libtorch.runtime.OutOfMemory;

/** A command that knows what takes less memory of its device. */
interface LessMemory {
  /** Says what to do with another command, in a sentence. */
  static String any(OutOfMemory refused) {
    return "Less is taken with --precision bf16 or a smaller model"
        + (refused.kind() == OutOfMemory.Kind.CUDA
            ? "; nvidia-smi shows what else is on the device, and --device cuda:N names another one."
            : ".");
  }

  /**
   * Says what to do, in sentences.
   *
   * @param refused what was needed, and what there is
   */
  String lessMemory(OutOfMemory refused);
}
