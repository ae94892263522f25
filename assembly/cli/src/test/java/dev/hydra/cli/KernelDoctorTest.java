package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.ffn.dense.GegluFactory;
import dev.hydra.ffn.dense.SwigluFactory;
import dev.hydra.ffn.moe.MoeFactory;
import dev.hydra.libtorch.kernels.CompiledKernel;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.memory.pkm.ProductKeyMemoryFactory;
import dev.hydra.memory.workspace.WorkspaceFactory;
import dev.hydra.mixer.attention.FullFactory;
import dev.hydra.mixer.attention.SlidingWindowFactory;
import dev.hydra.mixer.attention.SparseGlobalFactory;
import dev.hydra.mixer.deltanet.GatedDeltaNetFactory;
import dev.hydra.mixer.mamba.Mamba2Factory;
import dev.hydra.mixer.mamba.MambaFactory;
import dev.hydra.optim.AdamWFactory;
import dev.hydra.optim.ConstantScheduleFactory;
import dev.hydra.optim.CosineScheduleFactory;
import dev.hydra.router.topk.ChunkTopKRouterFactory;
import dev.hydra.router.topk.TopKRouterFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class KernelDoctorTest {
  /** All of ours that have kernels. */
  static final Components COMPONENTS =
      Components.of(
          new MambaFactory(),
          new Mamba2Factory(),
          new GatedDeltaNetFactory(),
          new FullFactory(),
          new SparseGlobalFactory(),
          new SlidingWindowFactory(),
          new SwigluFactory(),
          new GegluFactory(),
          new MoeFactory(),
          new TopKRouterFactory(),
          new ChunkTopKRouterFactory(),
          new WorkspaceFactory(),
          new ProductKeyMemoryFactory());

  /** What a step is tried with. */
  static final PluginRegistry PLUGINS =
      PluginRegistry.of(
          new AdamWFactory(), new ConstantScheduleFactory(), new CosineScheduleFactory());

  private static final Path SOURCES = Path.of("../../plugins");

  /**
   * A program that nobody tries may be broken on a device, and the doctor says that all is well.
   */
  @Test
  void everyProgramIsTried() throws IOException {
    assertThat(KernelDoctor.programs()).isEqualTo(programs());
  }

  private static final Pattern KERNEL =
      Pattern.compile("__global__[^;{]*?(?:__launch_bounds__\\([^)]*\\))?\\s+(\\w+)\\(");

  /** The files with kernels; the others are parts of them, as are other forms of their kernels. */
  private static Set<String> programs() throws IOException {
    Map<String, Set<String>> kernels = new TreeMap<>();
    try (Stream<Path> files = Files.walk(SOURCES)) {
      for (Path file : files.filter(KernelDoctorTest::isSource).toList()) {
        Set<String> names =
            KERNEL
                .matcher(Files.readString(file))
                .results()
                .map(found -> found.group(1))
                .collect(Collectors.toSet());
        if (!names.isEmpty()) {
          kernels.put(file.getFileName().toString(), names);
        }
      }
    }
    Set<String> plain =
        kernels.entrySet().stream()
            .filter(each -> !each.getKey().endsWith("_wide.cu"))
            .flatMap(each -> each.getValue().stream())
            .collect(Collectors.toSet());
    kernels
        .entrySet()
        .removeIf(each -> each.getKey().endsWith("_wide.cu") && plain.containsAll(each.getValue()));
    return kernels.keySet();
  }

  private static boolean isSource(Path file) {
    return file.toString().endsWith(".cu") && file.toString().contains("/src/main/resources/");
  }

  /** A type of another name would be tried with options and programs of no component. */
  @Test
  void everyComponentIsTriedAsItCanBe() {
    KernelDoctor doctor = new KernelDoctor(COMPONENTS, PLUGINS, Devices.cpu());
    Set<String> checks = doctor.checks().keySet();
    for (Registration type : COMPONENTS.all()) {
      assertThat(checks).anyMatch(name -> name.startsWith("kernels of " + type.type()));
      assertThat(checks).anyMatch(name -> name.startsWith("decoding kernels of " + type.type()));
      for (ComponentTrial trial : ComponentTrial.of(type.type())) {
        doctor.conformance(type, trial).tryOut();
      }
    }
    assertThat(COMPONENTS.all().stream().map(Registration::type).toList())
        .containsAll(ComponentTrial.types());
  }

  @Test
  void aProgramIsSaidWithItsTime() {
    assertThat(
            KernelDoctor.text(
                List.of(
                    new CompiledKernel("a.cu", Map.of("N", 1), false, 0.1),
                    new CompiledKernel("a.cu", Map.of("N", 2), false, 0.2),
                    new CompiledKernel("a.cu", Map.of("N", 3), true, 0.004))))
        .isEqualTo("compiled 2 times, in 300 ms, found in the cache in 4 ms");
  }

  @Test
  void stepsAreTheSameTakenTwice() {
    assertThat(StepTrial.run(COMPONENTS, PLUGINS, Devices.cpu())).contains("off by 0e+00");
  }
}
