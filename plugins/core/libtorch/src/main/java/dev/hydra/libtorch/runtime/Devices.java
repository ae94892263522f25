package dev.hydra.libtorch.runtime;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch_cuda;

/** Chooses where tensors live. */
public final class Devices {
  private static final String CUDA = "cuda";

  /** A number has three digits at most: LibTorch counts devices in a byte. */
  private static final Pattern NAME = Pattern.compile("auto|cpu|cuda(:(?<number>\\d{1,3}))?");

  private Devices() {}

  /**
   * Returns the device that a user names: {@code auto} is the first CUDA device, or the CPU where
   * there is none; {@code cpu}; {@code cuda}, the first one; {@code cuda:1} and so on. A CUDA
   * device becomes the calling thread's current one, whose random generator {@link RandomState}
   * keeps.
   *
   * @throws IllegalStateException if there is no such device here, saying which there are
   * @throws IllegalArgumentException if the name is not one of a device
   */
  public static Device choose(String name) {
    Matcher matcher = NAME.matcher(name);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "\"" + name + "\" is not a device: auto, cpu, cuda and cuda:N are");
    }
    boolean asked = name.startsWith(CUDA);
    if (!asked && (name.equals("cpu") || !cudaAvailable())) {
      return cpu();
    }
    if (!cudaAvailable()) {
      throw new IllegalStateException(
          name
              + " was asked for, but LibTorch finds no CUDA device. Run `hydra doctor`; the CUDA"
              + " build of this distribution is made with `mvn -Pgpu package`.");
    }
    int count = torch_cuda.device_count();
    String number = matcher.group("number");
    int index = number == null ? 0 : Integer.parseInt(number);
    if (index >= count) {
      throw new IllegalStateException(
          name + " was asked for, but the last of the CUDA devices here is cuda:" + (count - 1));
    }
    torch_cuda.set_device((byte) index);
    return new Device(CUDA + ":" + index);
  }

  /** Says whether {@link #choose} knows a name, on any machine. */
  public static boolean isName(String name) {
    return NAME.matcher(name).matches();
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
