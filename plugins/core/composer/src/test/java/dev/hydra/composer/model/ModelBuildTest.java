package dev.hydra.composer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.PluginId;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class ModelBuildTest {
  private static List<String> described(Model model) {
    return model.parameters().all().stream()
        .map(
            p ->
                p.name()
                    + Arrays.toString(Tensors.sizes(p.master()))
                    + Tensors.type(p.master())
                    + Tensors.type(p.working())
                    + p.working().requires_grad())
        .toList();
  }

  private static Map<String, double[]> values(String hocon, long seed) {
    try (Model model = Models.build(hocon, Devices.cpu(), ScalarType.Float, seed)) {
      return Models.values(model);
    }
  }

  @Test
  void namesParametersByPlace() {
    try (Model model = Models.hybrid()) {
      assertEquals(
          List.of(
              "embedding.weight",
              "blocks.0.norm.weight",
              "blocks.0.mixer-gate",
              "blocks.0.mixer.weight",
              "blocks.1.norm.weight",
              "blocks.1.mixer-gate",
              "blocks.1.mixer.weight",
              "blocks.1.ffn-gate.weight",
              "blocks.1.ffn-gate.bias",
              "blocks.1.ffn.router.weight",
              "blocks.1.ffn.scale",
              "norm.weight"),
          model.parameters().all().stream().map(Parameter::name).toList());
    }
  }

  @Test
  void startsGatesAsConfigured() {
    Map<String, double[]> values = values(Models.HYBRID, 1);
    assertArrayEquals(new double[] {0.9f}, values.get("blocks.0.mixer-gate"));
    assertArrayEquals(new double[4], values.get("blocks.1.ffn-gate.weight"));
    assertArrayEquals(new double[] {-2}, values.get("blocks.1.ffn-gate.bias"));
  }

  @Test
  void metaModelHasTheSameParametersAndNoMemory() {
    try (Device meta = Devices.meta();
        Model shapes = Models.build(Models.HYBRID, meta, ScalarType.BFloat16, 1);
        Model real = Models.build(Models.HYBRID, ScalarType.BFloat16)) {
      assertEquals(described(real), described(shapes));
      for (Parameter parameter : shapes.parameters().all()) {
        assertTrue(parameter.master().is_meta() && parameter.working().is_meta());
      }
    }
    // 2^40 elements: no machine would hold them.
    String huge =
        "model { vocab-size = 4, width = 1048576, depth = 1, block.paths = [ { mixer ="
            + " running-sum } ] }";
    try (Device meta = Devices.meta();
        Model shapes = Models.build(huge, meta, ScalarType.Float, 1)) {
      assertThat(described(shapes).toString()).contains("mixer.weight[1048576, 1048576]");
    }
  }

  @Test
  void drawsParametersFromTheSeedAndTheirNameOnly() {
    String alone =
        "model { vocab-size = 11, width = 4, depth = 1, block.paths = [ { mixer = running-sum } ] }";
    double[] expected = values(alone, 1).get("blocks.0.mixer.weight");
    assertArrayEquals(expected, values(alone, 1).get("blocks.0.mixer.weight"));
    assertArrayEquals(expected, values(Models.HYBRID, 1).get("blocks.0.mixer.weight"));
    assertFalse(Arrays.equals(expected, values(alone, 2).get("blocks.0.mixer.weight")));
    Map<String, double[]> hybrid = values(Models.HYBRID, 1);
    assertFalse(
        Arrays.equals(hybrid.get("blocks.0.mixer.weight"), hybrid.get("blocks.1.mixer.weight")));
  }

  @Test
  void everyTypeStartsTheSame() {
    try (Model single = Models.hybrid();
        Model half = Models.build(Models.HYBRID, ScalarType.BFloat16);
        Model full = Models.build(Models.HYBRID, ScalarType.Double)) {
      Map<String, double[]> expected = Models.values(single);
      for (Model other : List.of(half, full)) {
        Models.values(other)
            .forEach((name, values) -> assertArrayEquals(expected.get(name), values, name));
      }
    }
  }

  @Test
  void computesInTheComputeType() {
    for (ScalarType type :
        new ScalarType[] {ScalarType.Float, ScalarType.BFloat16, ScalarType.Double}) {
      try (Model model = Models.build(Models.HYBRID, type)) {
        var hidden = Models.hidden(model, Models.tokens(1, 2, 3));
        assertEquals(type, Tensors.type(hidden));
        assertEquals(type, Tensors.type(model.logits(hidden)));
      }
    }
  }

  @Test
  void listsThePluginsItUses() {
    try (Model model = Models.hybrid()) {
      assertEquals(
          List.of(PluginId.of("dev.hydra.composer.model", "unversioned")), model.plugins());
    }
  }
}
