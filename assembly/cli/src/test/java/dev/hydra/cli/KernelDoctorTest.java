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
import dev.hydra.mixer.attention.SparseGlobalFactory;
import dev.hydra.mixer.deltanet.GatedDeltaNetFactory;
import dev.hydra.mixer.mamba.Mamba2Factory;
import dev.hydra.mixer.mamba.MambaFactory;
import dev.hydra.optim.AdamWFactory;
import dev.hydra.optim.ConstantScheduleFactory;
import dev.hydra.optim.CosineScheduleFactory;
import dev.hydra.router.topk.ChunkTopKRouterFactory;
import dev.hydra.router.topk.TopKRouterFactory;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Device;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

class KernelDoctorTest {
  private static final Components COMPONENTS =
      Components.of(
          new MambaFactory(),
          new Mamba2Factory(),
          new GatedDeltaNetFactory(),
          new FullFactory(),
          new SparseGlobalFactory(),
          new SwigluFactory(),
          new GegluFactory(),
          new MoeFactory(),
          new TopKRouterFactory(),
          new ChunkTopKRouterFactory(),
          new WorkspaceFactory(),
          new ProductKeyMemoryFactory());

  private static final PluginRegistry PLUGINS =
      PluginRegistry.of(
          new AdamWFactory(), new ConstantScheduleFactory(), new CosineScheduleFactory());

  private final KernelDoctor doctor = new KernelDoctor(COMPONENTS);

  /** A component that it leaves out has kernels that nobody tries. */
  @Test
  void everyComponentIsTried() {
    assertThat(doctor.types()).hasSize(COMPONENTS.all().size());
    for (Registration type : COMPONENTS.all()) {
      assertThat(doctor.conformance(type).kernels().name()).contains("kernels");
    }
  }

  @Test
  void stepsAreTheSameTakenTwice() {
    assertThat(StepTrial.run(COMPONENTS, PLUGINS, Devices.cpu())).contains("off by 0e+00");
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void everyKernelRunsAndAgrees() {
    Device cuda = Devices.choose("cuda");
    StringBuilder said = new StringBuilder(KernelDoctor.shared(cuda));
    COMPONENTS.all().forEach(type -> said.append('\n').append(doctor.component(type)));
    said.append('\n').append(KernelDoctor.step(COMPONENTS, PLUGINS, cuda));
    Set<String> programs =
        CompiledKernel.all().stream().map(CompiledKernel::program).collect(Collectors.toSet());
    assertThat(said.toString()).doesNotContain("not tried");
    assertThat(programs)
        .contains(
            "ssd_forward.cu",
            "scan_backward.cu",
            "strided_attention_backward.cu",
            "slot_states.cu",
            "pkm_search.cu",
            "pkm_read.cu",
            "expert_choice.cu",
            "chunk_logits.cu",
            "expert_rows.cu",
            "expert_places.cu",
            "cross_entropy.cu",
            "adamw.cu",
            "gradient_norm.cu",
            "table_adamw.cu");
  }
}
