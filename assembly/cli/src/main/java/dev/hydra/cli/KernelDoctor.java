package dev.hydra.cli;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.inference.GreedyTrial;
import dev.hydra.libtorch.graphs.GraphTrial;
import dev.hydra.libtorch.kernels.CompiledKernel;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.KernelLaunches;
import dev.hydra.libtorch.kernels.KernelTrial;
import dev.hydra.libtorch.nn.FusedTrials;
import dev.hydra.tck.Check;
import dev.hydra.tck.Conformance;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Compiles and runs the CUDA kernels of all components that there are, and of what they share, and
 * compares what they compute with what they are to compute. Each is tried where its program must
 * run: of sizes that it does not take its plain twin gives the same result.
 */
final class KernelDoctor {
  /** Of heads and states that kernels take; others are for components that refuse these. */
  private static final List<Integer> WIDTHS = List.of(64, 128, 32, 16);

  private final Components components;
  private final PluginRegistry plugins;
  private final Device device;

  /**
   * Prepares checks.
   *
   * @param device a CUDA device
   */
  KernelDoctor(Components components, PluginRegistry plugins, Device device) {
    this.components = components;
    this.plugins = plugins;
    this.device = device;
  }

  /** Names the programs that the checks run, or fail. */
  static Set<String> programs() {
    Set<String> programs = new TreeSet<>(ComponentTrial.programs());
    programs.add(KernelTrial.PROGRAM);
    programs.addAll(FusedTrials.programs());
    programs.addAll(StepTrial.PROGRAMS);
    programs.addAll(GreedyTrial.PROGRAMS);
    programs.addAll(GraphTrial.PROGRAMS);
    return programs;
  }

  /**
   * The checks, by what they are called. Each returns what it found, and throws if a kernel cannot
   * be compiled, does not run or computes something else.
   */
  Map<String, Callable<String>> checks() {
    Map<String, Callable<String>> checks = new LinkedHashMap<>();
    checks.put("CUDA kernels", this::compiler);
    FusedTrials.byOperator()
        .forEach(
            (operator, trial) ->
                checks.put(
                    "kernels for " + operator,
                    () -> timed(() -> compared(trial.applyAsDouble(device)))));
    for (Registration type : components.all()) {
      for (ComponentTrial trial : ComponentTrial.of(type.type())) {
        String options = trial.options().isEmpty() ? "" : " with " + trial.options();
        String name = type.type() + options + " (" + type.plugin() + ")";
        checks.put(
            "kernels of " + name,
            () -> timed(() -> component(type, trial, trial.training(), Conformance::kernels)));
        checks.put(
            "decoding kernels of " + name,
            () ->
                timed(
                    () -> component(type, trial, trial.decoding(), Conformance::decodingKernels)));
      }
    }
    checks.put(
        "kernels of training steps",
        () ->
            timed(
                () ->
                    KernelLaunches.demand(
                        StepTrial.PROGRAMS, () -> StepTrial.run(components, plugins, device))));
    checks.put("kernels of greedy sampling", () -> timed(this::greedy));
    checks.put("kernels of captured graphs", () -> timed(this::graphs));
    return checks;
  }

  private String compiler() {
    KernelTrial.Report report = KernelTrial.run(device);
    return String.format(
        "NVRTC %s compiled one for %s and it ran, in %.2f s; compiled ones are kept in %s",
        report.compiler(), report.architecture(), report.seconds(), report.cache());
  }

  private static String compared(double error) {
    return String.format("agree with LibTorch's own operators (off by %.0e)", error);
  }

  private String greedy() {
    GreedyTrial.run(device);
    return "draw what LibTorch's own operators draw";
  }

  private String graphs() {
    GraphTrial.run(device);
    return "write what memsets of CUDA write";
  }

  /** What is compared of a component. */
  @FunctionalInterface
  interface Comparison {
    Check of(Conformance conformance);
  }

  private String component(
      Registration type, ComponentTrial trial, List<String> programs, Comparison comparison) {
    Conformance conformance;
    try {
      conformance = conformance(type, trial);
    } catch (ConfigException e) {
      return "not tried, as it needs options (" + e.getMessage() + "); plugins verify takes some";
    }
    return KernelLaunches.demand(
        programs.stream().filter(this::runs).toList(),
        () -> {
          comparison.of(conformance).run();
          return "agree with float64 on the CPU";
        });
  }

  /** Says whether a program is for this device. */
  private boolean runs(String program) {
    if (!ComponentTrial.HOPPER.contains(program)) {
      return true;
    }
    try (Tensor there = torch.empty(1).to(device, ScalarType.Float)) {
      return Gpu.of(there).isHopper();
    }
  }

  /** The checks of a component, of a size that its kernels take. */
  Conformance conformance(Registration type, ComponentTrial trial) {
    ComponentFactory<?>[] others =
        components.all().stream()
            .filter(each -> !each.type().equals(type.type()))
            .map(each -> each.as(ComponentFactory.class))
            .toArray(ComponentFactory<?>[]::new);
    return Conformance.of(type.as(ComponentFactory.class))
        .with(others)
        .options(trial.options())
        .time(trial.tokens())
        .firstWidth(WIDTHS);
  }

  /** Adds the programs that this process meets meanwhile, and how long they took. */
  private static String timed(Supplier<String> trial) {
    int before = CompiledKernel.all().size();
    String found = trial.get();
    List<CompiledKernel> now = CompiledKernel.all();
    Map<String, List<CompiledKernel>> programs =
        now.subList(before, now.size()).stream()
            .collect(
                Collectors.groupingBy(
                    CompiledKernel::program, LinkedHashMap::new, Collectors.toList()));
    return programs.entrySet().stream()
        .map(each -> "\n          " + each.getKey() + ": " + text(each.getValue()))
        .collect(Collectors.joining("", found, ""));
  }

  /** Of one program, as often as it was met with other macros. */
  static String text(List<CompiledKernel> variants) {
    return variants.stream()
        .collect(Collectors.partitioningBy(CompiledKernel::cached))
        .entrySet()
        .stream()
        .filter(each -> !each.getValue().isEmpty())
        .map(each -> text(each.getKey() ? "found in the cache" : "compiled", each.getValue()))
        .collect(Collectors.joining(", "));
  }

  private static String text(String how, List<CompiledKernel> variants) {
    double milliseconds = 1e3 * variants.stream().mapToDouble(CompiledKernel::seconds).sum();
    String times = variants.size() == 1 ? "" : " " + variants.size() + " times,";
    return String.format("%s%s in %.0f ms", how, times, milliseconds);
  }
}
