package dev.hydra.libtorch.nn;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;

/** Tries the operators of CUDA kernels in this package, forward and backward, on a device. */
public final class FusedTrials {
  private FusedTrials() {}

  /**
   * What a trial found.
   *
   * @param operator its name
   * @param error the norm of the difference to LibTorch's own operators, over the norm of theirs;
   *     of the result and all gradients the largest
   */
  public record Report(String operator, double error) {}

  /**
   * Runs every operator and compares it with its plain twin.
   *
   * @param device a CUDA device
   * @throws dev.hydra.libtorch.kernels.KernelException if one cannot be compiled or launched
   * @throws IllegalStateException if one computes something else, or its kernels do not run
   */
  public static List<Report> run(Device device) {
    return all().map(trial -> trial.run(device)).toList();
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
