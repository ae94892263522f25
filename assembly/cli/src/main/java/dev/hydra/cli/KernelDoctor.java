package dev.hydra.cli;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.libtorch.kernels.CompiledKernel;
import dev.hydra.libtorch.nn.FusedTrials;
import dev.hydra.tck.Conformance;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Device;

/**
 * Compiles and runs the CUDA kernels of all components that there are, and of the operators that
 * they share, and compares what they compute with what they are to compute.
 */
final class KernelDoctor {
  /** Of heads and states that kernels take; others are for components that refuse these. */
  private static final List<Integer> WIDTHS = List.of(64, 128, 32, 16);

  /** More than a chunk of the smallest ones, so that states are passed on. */
  private static final int TOKENS = 80;

  /** What makes small inputs long: within a window there is nothing for strided kernels. */
  private static final Map<String, String> OPTIONS =
      Map.of(
          "full", "head-dim = 64",
          "sliding-window", "window = 16, head-dim = 64",
          "sparse-global", "window = 16, global-every = 8, head-dim = 64",
          "chunk-topk", "chunk = 16",
          "workspace", "chunk = 16",
          "pkm", "keys = 32");

  private final List<Registration> all;

  KernelDoctor(Components components) {
    all = components.all();
  }

  /** The component types, by what a check is called. */
  Map<String, Registration> types() {
    Map<String, Registration> types = new LinkedHashMap<>();
    all.forEach(each -> types.put("kernels of " + each.type() + " (" + each.plugin() + ")", each));
    return types;
  }

  /**
   * Compares the shared operators with LibTorch's own.
   *
   * @throws RuntimeException if one cannot be compiled or computes something else
   */
  static String shared(Device device) {
    int before = CompiledKernel.all().size();
    String operators =
        FusedTrials.run(device).stream()
            .map(report -> String.format("%s (off by %.0e)", report.operator(), report.error()))
            .collect(Collectors.joining(", ", "", " agree with LibTorch's own"));
    return operators + compiledSince(before);
  }

  /**
   * Compares a component with what the CPU computes, forward and backward, in float32 and bfloat16.
   *
   * @throws RuntimeException if a kernel cannot be compiled, or computes something else
   */
  String component(Registration type) {
    int before = CompiledKernel.all().size();
    try {
      conformance(type).kernels().run();
    } catch (ConfigException e) {
      return "not tried, as it needs options (" + e.getMessage() + "); plugins verify takes some";
    }
    return "agrees with the CPU" + compiledSince(before);
  }

  /**
   * Compares training steps with kernels with those without.
   *
   * @throws RuntimeException if a kernel cannot be compiled, or the steps differ
   */
  static String step(Components components, PluginRegistry plugins, Device device) {
    int before = CompiledKernel.all().size();
    return StepTrial.run(components, plugins, device) + compiledSince(before);
  }

  /** The checks of a component, of a size that its kernels take. */
  Conformance conformance(Registration type) {
    ComponentFactory<?>[] others =
        all.stream()
            .filter(each -> !each.type().equals(type.type()))
            .map(each -> each.as(ComponentFactory.class))
            .toArray(ComponentFactory<?>[]::new);
    return Conformance.of(type.as(ComponentFactory.class))
        .with(others)
        .options(OPTIONS.getOrDefault(type.type(), ""))
        .time(TOKENS)
        .firstWidth(WIDTHS);
  }

  /** Names the programs that this process has met since then. */
  private static String compiledSince(int before) {
    List<CompiledKernel> now = CompiledKernel.all();
    Map<String, List<CompiledKernel>> programs =
        now.subList(before, now.size()).stream()
            .collect(
                Collectors.groupingBy(
                    CompiledKernel::program, LinkedHashMap::new, Collectors.toList()));
    return programs.entrySet().stream()
        .map(each -> "\n          " + each.getKey() + ": " + text(each.getValue()))
        .collect(Collectors.joining());
  }

  /** Of one program, as often as it was met with other macros. */
  private static String text(List<CompiledKernel> variants) {
    List<CompiledKernel> compiled = variants.stream().filter(each -> !each.cached()).toList();
    int found = variants.size() - compiled.size();
    double milliseconds = 1e3 * compiled.stream().mapToDouble(CompiledKernel::seconds).sum();
    String made =
        compiled.isEmpty()
            ? ""
            : String.format(
                "compiled %sin %.0f ms",
                compiled.size() == 1 ? "" : compiled.size() + " times, ", milliseconds);
    String cached =
        found == 0 ? "" : found == 1 ? "found in the cache" : found + " found in the cache";
    return made.isEmpty() || cached.isEmpty() ? made + cached : made + ", " + cached;
  }
}
