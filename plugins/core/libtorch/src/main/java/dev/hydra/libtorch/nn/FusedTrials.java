package dev.hydra.libtorch.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;

/** Tries the operators of CUDA kernels in this package, forward and backward, on a device. */
public final class FusedTrials {
  private FusedTrials() {}

  /**
   * Gives a trial of each operator, by its name. On a CUDA device it runs the kernels and the plain
   * twin, and returns the norm of their difference over that of what the twin computes, of the
   * result and all gradients the largest. It throws {@link
   * dev.hydra.libtorch.kernels.KernelException} if kernels cannot be compiled or launched, and
   * {@link IllegalStateException} if they compute something else or do not run.
   */
  public static Map<String, ToDoubleFunction<Device>> byOperator() {
    Map<String, ToDoubleFunction<Device>> trials = new LinkedHashMap<>();
    all().forEach(trial -> trials.put(trial.operator(), trial::run));
    return trials;
  }

  /** Names the programs that are tried. */
  public static Set<String> programs() {
    return all()
        .flatMap(trial -> trial.programs().stream())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  static Stream<FusedTrial> all() {
    return Stream.concat(TrainingTrials.all().stream(), DecodingTrials.all().stream());
  }
}
