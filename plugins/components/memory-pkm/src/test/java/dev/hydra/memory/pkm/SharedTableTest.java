package dev.hydra.memory.pkm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelSummary;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.FiniteDifferences;
import dev.hydra.testing.InScope;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Two memories with one value table. */
@ExtendWith(InScope.class)
class SharedTableTest {
  private static final String MEMORY =
      "type = pkm, keys = 6, key-dim = 8, value-dim = 5, heads = 2, top-k = 3";
  private static final int ROWS = 36 * 5;
  private static final int READ = 2 * 3 * 5;
  private static final String TABLE = "shared.facts.values.weight";

  @Test
  void isOneParameterThatLearnsFromBoth() {
    try (Model model = model("shared = facts", "shared = facts", Devices.cpu())) {
      Tensor table = table(model);
      FiniteDifferences.check(() -> objective(model), table);
      assertTrue(table.grad().is_sparse());
      assertTrue(Tensors.number(table.grad().to_dense().abs().max()) > 1e-3);
    }
  }

  @Test
  void isCountedOnce() {
    ModelSummary shared = account("shared = facts", "shared = facts");
    ModelSummary separate = account("heads = 2", "heads = 2");
    assertEquals(separate.parameters() - ROWS, shared.parameters());
    assertEquals(separate.activeParameters(), shared.activeParameters(), "each reads its rows");
    long memory = shared.parts().get(1).count().parameters();
    assertEquals(
        new ModelSummary.Count(memory + ROWS, memory + READ), shared.parts().get(0).count());
    assertEquals(new ModelSummary.Count(memory, memory + READ), shared.parts().get(1).count());
    // The master; gradients of tables have no buffer.
    assertEquals(4 * ROWS, bytes(separate) - bytes(shared));
  }

  private static double bytes(ModelSummary account) {
    return account.lengths().get(0).trainingBytes();
  }

  @Test
  void groupsOfOtherNamesAreOthers() {
    try (Model model = model("shared = facts", "shared = names", Devices.cpu())) {
      assertEquals(
          2,
          model.parameters().all().stream()
              .filter(parameter -> parameter.name().startsWith("shared."))
              .count());
    }
  }

  @Test
  void refusesTablesOfTwoShapes() {
    ConfigException refused =
        assertThrows(
            ConfigException.class,
            () -> model("shared = facts", "shared = facts, keys = 7", Devices.cpu()).close());
    assertThat(refused.toString()).contains("same keys and value-dim");
    assertThat(refused.toString()).contains("[36, 5], not [49, 5]");
  }

  private static ModelSummary account(String first, String second) {
    try (Device meta = Devices.meta();
        Model model = model(first, second, meta)) {
      return ModelSummary.of(model, ScalarType.Float, List.of(10L));
    }
  }

  private static Tensor objective(Model model) {
    try (ForwardContext forward = ForwardContext.training()) {
      Tensor tokens = Tensor.create(new long[] {1, 4, 2, 9, 1, 7}, 1, 6);
      return model.hidden(tokens, forward).sin().sum();
    }
  }

  private static Tensor table(Model model) {
    return model.parameters().all().stream()
        .filter(parameter -> parameter.name().equals(TABLE))
        .map(Parameter::working)
        .findFirst()
        .orElseThrow();
  }

  private static Model model(String first, String second, Device device) {
    String paths =
        "paths = [ { memory { %s, %s }, at = 0 }, { memory { %s, %s }, at = 1 } ]"
            .formatted(MEMORY, first, MEMORY, second);
    return Model.build(
        ModelSpec.read(
            ConfigFactory.parseString(
                "model { vocab-size = 11, width = 6, depth = 2, block { " + paths + " } }")),
        Components.of(new ProductKeyMemoryFactory()),
        new Placement(device, ScalarType.Double),
        1);
  }
}
