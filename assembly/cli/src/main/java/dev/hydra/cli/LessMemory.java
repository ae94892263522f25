package dev.hydra.cli;

/** A command that knows what takes less memory of its CUDA device. */
interface LessMemory {
  /** What another command can do. */
  String ANY =
      "Less is taken with --precision bf16 or a smaller model; nvidia-smi shows what else is on the"
          + " device, and --device cuda:N names another one.";

  /** Says what to do, in a sentence. */
  String lessMemory();
}
