package dev.hydra.libtorch.kernels;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

/**
 * Counts the launches of kernels by the program that they are of, so that who tries a program knows
 * whether it ran: where it takes other types or sizes, its plain twin gives the same result. A
 * captured launch counts once, however often it is replayed.
 */
public final class KernelLaunches {
  private static final Map<String, LongAdder> COUNTS = new ConcurrentHashMap<>();

  private KernelLaunches() {}

  /** Returns what counts the launches of a program's kernels. */
  static LongAdder of(String program) {
    return COUNTS.computeIfAbsent(program, name -> new LongAdder());
  }

  /**
   * Runs something, and checks that it launches kernels of some programs.
   *
   * @param programs their names, such as {@code rms_norm.cu}
   * @return its result
   * @throws IllegalStateException naming those of which it launched none
   */
  public static <T> T demand(Collection<String> programs, Supplier<T> work) {
    Map<String, Long> before = new HashMap<>();
    programs.forEach(program -> before.put(program, of(program).sum()));
    T result = work.get();
    List<String> missing =
        programs.stream()
            .filter(program -> of(program).sum() == before.getOrDefault(program, 0L))
            .toList();
    if (!missing.isEmpty()) {
      throw new IllegalStateException(
          "LibTorch's own operators ran instead of "
              + String.join(", ", missing)
              + ", as for sizes, types or devices that a kernel does not take");
    }
    return result;
  }
}
