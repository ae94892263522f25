package dev.hydra.composer.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.Init;
import dev.hydra.api.Migration;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.BestFactory;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelFiles;
import dev.hydra.composer.model.Models;
import dev.hydra.composer.model.OddMixer;
import dev.hydra.composer.model.Owner;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.ScalesFactory;
import dev.hydra.composer.model.Texts;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of parameters that are shared, kept, or asked for in another shape. */
@ExtendWith(InScope.class)
class SwapParametersTest {
  private static final String SHARED = "shared.table.rows";

  @TempDir private Path folder;

  private static Owner owner() {
    return new Owner(Models.hybrid());
  }

  /** With a parameter that all of them share. */
  private static Registration sharing(long rows) {
    return OddMixer.of(
        site -> {
          Tensor table =
              site.shared("table", ParameterSpec.of("rows", Init.normal(1), rows, site.width()));
          return (x, pass) -> x.mul(table.sum());
        });
  }

  private static Registration plain() {
    return OddMixer.of(site -> (x, pass) -> x);
  }

  private static SwapReport switched(Owner owner, SwapRequest request) {
    SwapReport report = owner.swap(request);
    assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
    return report;
  }

  private static void refused(Owner owner, SwapRequest request, String reason) {
    SwapReport report = owner.swap(request);
    assertEquals(SwapReport.Status.REFUSED, report.status());
    assertThat(report.reason()).contains(reason);
  }

  private static SwapRequest dropping(Registration registration) {
    return SwapRequest.to(registration).withUnexpectedKeys(UnexpectedKeys.DROP);
  }

  private static double[] values(Owner owner, String name) {
    return Models.values(owner.model).get(name);
  }

  @Test
  void whatIsSharedStaysAsLongAsOneUsesIt() {
    try (Owner owner = owner()) {
      switched(owner, dropping(sharing(3)));
      double[] before = values(owner, SHARED);
      switched(owner, SwapRequest.to(plain()).at("blocks.0.mixer"));
      assertThat(owner.model.parameters().byName()).containsKey(SHARED);
      refused(owner, SwapRequest.to(sharing(5)).at("blocks.0.mixer"), "shared with other sites");
      switched(owner, SwapRequest.to(sharing(3)).at("blocks.0.mixer"));
      assertEquals(List.of(before[0]), List.of(values(owner, SHARED)[0]));
      refused(owner, SwapRequest.to(plain()), "does not ask for parameter " + SHARED);
      SwapReport report = switched(owner, dropping(plain()));
      assertEquals(List.of(SHARED), report.parameters().dropped());
      assertThat(owner.model.parameters().byName()).doesNotContainKey(SHARED);
    }
  }

  /** A model that is used, not trained: what a swap makes is drawn, and has no masters either. */
  @Test
  void aModelWithoutMastersIsSwapped() throws IOException {
    Path file = folder.resolve("model.safetensors");
    Placement placement = new Placement(Devices.cpu(), ScalarType.BFloat16);
    try (Owner owner = new Owner(Models.toRead(Models.HYBRID, placement))) {
      try (Model saved = Models.hybrid()) {
        ModelFiles.save(saved, file);
      }
      ModelFiles.load(owner.model, file);
      SwapReport report = switched(owner, dropping(sharing(3)));
      assertEquals(List.of(SHARED), report.parameters().initialised());
      Parameter made = owner.model.parameters().byName().get(SHARED);
      assertFalse(made.copied());
      assertEquals(ScalarType.BFloat16, Tensors.type(made.working()));
      assertThat(values(owner, SHARED)).doesNotContain(Double.NaN).isNotEqualTo(new double[12]);
      switched(owner, dropping(plain()));
    }
  }

  @Test
  void whatIsSharedAndKeptComesBack() {
    try (Owner owner = owner()) {
      switched(owner, dropping(sharing(3)));
      double[] before = values(owner, SHARED);
      switched(owner, SwapRequest.to(plain()).withUnexpectedKeys(UnexpectedKeys.KEEP));
      assertTrue(owner.model.parameters().byName().get(SHARED).unused());
      SwapReport back = switched(owner, SwapRequest.to(sharing(3)));
      assertEquals(List.of(SHARED), back.parameters().carried());
      assertFalse(owner.model.parameters().byName().get(SHARED).unused());
      assertEquals(before[5], values(owner, SHARED)[5]);
    }
  }

  @Test
  void allThatShareMayChangeTogether() {
    try (Owner owner = owner()) {
      switched(owner, dropping(sharing(3)));
      SwapReport report = switched(owner, dropping(sharing(5)));
      assertEquals(List.of(SHARED), report.parameters().initialised());
      assertEquals(List.of(SHARED), report.parameters().dropped());
      assertEquals(20, values(owner, SHARED).length);
    }
  }

  @Test
  void anotherShapeLosesWhatThereWas() {
    String name = "blocks.0.mixer.weight";
    Registration wide =
        OddMixer.of(
            site -> {
              Tensor weight =
                  site.parameter("weight", Init.ones(), 2L * site.width(), site.width());
              return (x, pass) -> Tensors.slice(Tensors.linear(x, weight), 2, 0, site.width());
            });
    SwapRequest request = SwapRequest.to(wide).at("blocks.0.mixer");
    for (UnexpectedKeys policy : List.of(UnexpectedKeys.ERROR, UnexpectedKeys.KEEP)) {
      try (Owner owner = owner()) {
        refused(
            owner,
            request.withUnexpectedKeys(policy),
            "parameter " + name + " has shape [4, 4], and the new component asks for [8, 4]");
      }
    }
    try (Owner owner = owner()) {
      SwapReport report = switched(owner, request.withUnexpectedKeys(UnexpectedKeys.DROP));
      assertEquals(List.of(name), report.parameters().dropped());
      assertEquals(List.of(name), report.parameters().initialised());
    }
  }

  @Test
  void aMigrationMustNotChangeWhatThereIs() {
    Migration changing = old -> Map.of("weight", old.get("weight").mul_(new Scalar(2.0)).alias());
    Registration registration =
        OddMixer.of(
            changing,
            site -> {
              Tensor weight = site.parameter("weight", Init.ones(), site.width(), site.width());
              return (x, pass) -> Tensors.linear(x, weight);
            });
    try (Owner owner = owner()) {
      double before = values(owner, "blocks.0.mixer.weight")[0];
      refused(
          owner,
          SwapRequest.to(registration),
          "the migration changes parameter blocks.0.mixer.weight");
      assertEquals(before, values(owner, "blocks.0.mixer.weight")[0]);
    }
  }

  @Test
  void whatIsKeptIsSavedAndNotMissedByAModelWithoutIt() throws IOException {
    Path file = folder.resolve("model.safetensors");
    try (Owner owner = owner()) {
      switched(
          owner,
          SwapRequest.to(plain()).withUnexpectedKeys(UnexpectedKeys.KEEP).at("blocks.0.mixer"));
      ModelFiles.save(owner.model, file);
      Components components =
          () ->
              List.of(
                  plain(),
                  Registration.of(new ScalesFactory()),
                  Registration.of(new BestFactory()));
      ModelSpec spec = ModelSpec.read(Texts.config(Models.HYBRID));
      try (Model without = Model.build(spec, components, owner.model.placement(), 1)) {
        IOException lacking = assertThrows(IOException.class, () -> ModelFiles.load(without, file));
        assertThat(lacking.getMessage()).endsWith("not in the model: [blocks.1.mixer.weight]");
      }
      switched(owner, SwapRequest.to(plain()).withUnexpectedKeys(UnexpectedKeys.KEEP));
      ModelFiles.save(owner.model, file);
      try (Model without = Model.build(spec, components, owner.model.placement(), 1)) {
        assertNotEquals(
            Models.values(without).get("embedding.weight")[0],
            values(owner, "embedding.weight")[0]);
        ModelFiles.load(without, file);
        assertEquals(
            Models.values(without).get("embedding.weight")[0],
            values(owner, "embedding.weight")[0]);
      }
    }
  }
}
