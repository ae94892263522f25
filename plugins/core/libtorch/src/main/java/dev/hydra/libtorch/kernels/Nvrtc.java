package dev.hydra.libtorch.kernels;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.bytedeco.cuda.global.nvrtc;
import org.bytedeco.cuda.nvrtc._nvrtcProgram;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.SizeTPointer;

/** Compiles CUDA C++ with the NVRTC that LibTorch's CUDA libraries bring. */
final class Nvrtc {
  private Nvrtc() {}

  /**
   * Names the compiler's version, such as {@code 13.0}.
   *
   * @throws KernelException if it is not there
   */
  static String version() {
    int[] major = new int[1];
    int[] minor = new int[1];
    try {
      int result = nvrtc.nvrtcVersion(major, minor);
      if (result != nvrtc.NVRTC_SUCCESS) {
        throw new KernelException(failed("its version", result));
      }
    } catch (LinkageError e) {
      throw new KernelException(
          "CUDA kernels cannot be compiled, as NVRTC cannot be loaded ("
              + e.getMessage()
              + "); put the folder of libnvrtc.so into LD_LIBRARY_PATH");
    }
    return major[0] + "." + minor[0];
  }

  /**
   * Compiles a program to machine code.
   *
   * @param name what to call it in messages
   * @param source CUDA C++; it includes no header, as a machine may have none
   * @param options of the compiler
   * @throws KernelException with the compiler's own messages
   */
  static byte[] compile(String name, String source, List<String> options) {
    try (PointerScope scope = new PointerScope()) {
      _nvrtcProgram program = new _nvrtcProgram();
      check(
          nvrtc.nvrtcCreateProgram(
              program,
              text(source),
              text(name),
              0,
              (PointerPointer<?>) null,
              (PointerPointer<?>) null),
          name);
      try {
        BytePointer[] texts = options.stream().map(Nvrtc::text).toArray(BytePointer[]::new);
        int result = nvrtc.nvrtcCompileProgram(program, texts.length, new PointerPointer<>(texts));
        if (result != nvrtc.NVRTC_SUCCESS) {
          throw new KernelException(
              name,
              "CUDA kernel "
                  + name
                  + " cannot be compiled with "
                  + options
                  + ":\n"
                  + log(program, name).strip());
        }
        SizeTPointer size = new SizeTPointer(1);
        check(nvrtc.nvrtcGetCUBINSize(program, size), name);
        byte[] cubin = new byte[Math.toIntExact(size.get())];
        check(nvrtc.nvrtcGetCUBIN(program, cubin), name);
        return cubin;
      } finally {
        nvrtc.nvrtcDestroyProgram(program);
      }
    }
  }

  private static String log(_nvrtcProgram program, String name) {
    SizeTPointer size = new SizeTPointer(1);
    check(nvrtc.nvrtcGetProgramLogSize(program, size), name);
    byte[] log = new byte[Math.toIntExact(size.get())];
    check(nvrtc.nvrtcGetProgramLog(program, log), name);
    return new String(log, 0, Math.max(0, log.length - 1), StandardCharsets.UTF_8);
  }

  private static BytePointer text(String text) {
    return new BytePointer(text, StandardCharsets.UTF_8);
  }

  private static void check(int result, String name) {
    if (result != nvrtc.NVRTC_SUCCESS) {
      throw new KernelException(name, failed(name, result));
    }
  }

  private static String failed(String what, int result) {
    return "NVRTC fails at " + what + ": " + nvrtc.nvrtcGetErrorString(result).getString();
  }
}
