package dev.hydra.libtorch.runtime;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch_cuda;

/** Chooses where tensors live. */
public final class Devices {
  private Devices() {}

  /** The device that a user asks for. */
  public enum Choice {
    /** CUDA if there is a usable GPU, else the CPU. */
    AUTO,
    /** The CPU. */
    CPU,
    /** The first CUDA device. */
    CUDA
  }

  /**
   * Returns the device for a choice.
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

  /** Returns the CPU. */
  public static Device cpu() {
    return new Device("cpu");
  }

  /** Returns the device that holds shapes only: tensors there take no memory. */
  public static Device meta() {
    return new Device("meta");
  }

  /** Says whether LibTorch can use a CUDA device. */
  public static boolean cudaAvailable() {
    return Cuda.AVAILABLE;
  }

  /**
   * LibTorch's part for CUDA, loaded before LibTorch is first asked for CUDA: it remembers a no.
   * Where JavaCPP's cache is still empty, loading LibTorch alone would leave that part out.
   */
  private static final class Cuda {
    /**
     * LibTorch opens it by name at the first use of linear algebra, in the folder of the others.
     */
    private static final String LINEAR_ALGEBRA = "libtorch_cuda_linalg.so";

    static final boolean AVAILABLE = load();

    private static boolean load() {
      try {
        String library = Loader.load(torch_cuda.class);
        if (library != null && torch.cuda_is_available()) {
          extractBeside(library);
          return true;
        }
        return false;
      } catch (LinkageError | TypeNotPresentException forTheCpu) {
        return false;
      }
    }

    private static void extractBeside(String library) {
      Path path = Path.of(library);
      Path folder = path.getName(path.getNameCount() - 2);
      try {
        Loader.cacheResource(torch.class, "/org/bytedeco/pytorch/" + folder + "/" + LINEAR_ALGEBRA);
      } catch (IOException e) {
        throw new UncheckedIOException("cannot extract " + LINEAR_ALGEBRA, e);
      }
    }
  }
}
