package dev.hydra.libtorch;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch;

/** Chooses where tensors live. */
public final class Devices {
  private Devices() {}

  /** What a user may ask for. */
  public enum Choice {
    /** CUDA if there is a usable GPU, else the CPU. */
    AUTO,
    /** The CPU. */
    CPU,
    /** The first CUDA device. */
    CUDA
  }

  /**
   * The device for a choice.
   *
   * @throws IllegalStateException if CUDA is asked for and there is none, saying why
   */
  public static Device choose(Choice choice) {
    boolean cuda = choice != Choice.CPU && cudaAvailable();
    if (choice == Choice.CUDA && !cuda) {
      throw new IllegalStateException(
          "CUDA was asked for, but LibTorch finds no CUDA device. Run `hydra doctor`; the CUDA"
              + " build of this distribution is made with `mvn -Pgpu package`.");
    }
    return cuda ? new Device("cuda:0") : cpu();
  }

  /** The CPU. */
  public static Device cpu() {
    return new Device("cpu");
  }

  /** The device that holds shapes only: tensors there take no memory. */
  public static Device meta() {
    return new Device("meta");
  }

  /** Whether LibTorch can use a CUDA device. */
  public static boolean cudaAvailable() {
    return torch.cuda_is_available();
  }
}
