package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Results;
import dev.hydra.testing.Samples;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The loss of a model and the gradient of its tables. */
@ExtendWith(InScope.class)
class ModelLossTest {
  private static final String FILE =
      """
      model {
        vocab-size = 50, width = 24, depth = 2, tie-embeddings = %s, padding-token = 4
        embedding-scale = 3, logits-scale = 0.5
        block.paths = [ { mixer = running-sum }, { ffn { type = scales, experts = 1 }, gate = 0.5 } ]
      }
      """;

  private static final Device CPU = Devices.cpu();

  private final Tensor tokens = draw(0);
  private final Tensor targets = draw(1);

  /** Few numbers, so that most tokens are there often. */
  private static Tensor draw(long seed) {
    torch.manual_seed(seed);
    return torch.randint(9, new long[] {2, 80}).to(ScalarType.Long);
  }

  /** What a backward of the loss leaves, by a model with the values of another. */
  private final class Trained implements AutoCloseable {
    final Model model;

    Trained(Model values, Device device, ScalarType compute) {
      model =
          Model.build(
              values.spec(), Models.components(), new Placement(device, compute), Models.SEED);
      values
          .parameters()
          .all()
          .forEach(each -> model.parameters().load(each.name(), each.master().detach()));
    }

    /** Adds the gradients of a loss of which a share counts. */
    Map<String, Tensor> gradients(Recompute recompute, double share) {
      Device device = model.placement().device();
      Tensor in = tokens.to(device, ScalarType.Long);
      Tensor gradient = Tensors.scalar(share, in, model.placement().master());
      Map<String, Tensor> all = new LinkedHashMap<>();
      try (ForwardContext forward = ForwardContext.training().recomputing(recompute)) {
        Tensor loss =
            model.loss(in, targets.to(device, ScalarType.Long), Optional.of(gradient), forward);
        all.put("the loss", loss);
        Backward.run(loss, gradient);
      }
      for (Parameter each : model.parameters().all()) {
        Tensor found = each.working().grad();
        if (found.defined()) {
          all.put(each.name(), found);
        }
      }
      return Results.copied(all);
    }

    @Override
    public void close() {
      model.close();
    }
  }

  /** With values that bfloat16 holds exactly. */
  private static Model random(boolean tied) {
    Model model = Models.random(FILE.formatted(tied));
    for (Parameter each : model.parameters().all()) {
      model
          .parameters()
          .load(each.name(), Samples.rounded(Tensors.mul(each.master().detach(), 0.3)));
    }
    return model;
  }

  /** Of the hidden states, by the head's logits: the embedding's and the head's gradient apart. */
  private Map<String, Tensor> composed(Model model) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    try (ForwardContext forward = ForwardContext.training()) {
      Tensor logits = model.logits(model.hidden(tokens, forward));
      Tensor loss = torch.cross_entropy_loss(logits.flatten(0, 1), targets.flatten());
      all.put("the loss", loss);
      Backward.run(Tensors.mul(loss, 0.25));
    }
    model.parameters().all().forEach(each -> all.put(each.name(), each.working().grad()));
    return Results.copied(all);
  }

  @Test
  void itIsThatOfTheLogits() {
    for (boolean tied : new boolean[] {true, false}) {
      try (Model model = random(tied);
          Trained trained = new Trained(model, CPU, ScalarType.Double)) {
        assertEquals(tied, !model.parameters().has("head.weight"));
        Results.assertNear(
            "tied = " + tied, composed(model), trained.gradients(Recompute.NONE, 0.25), 1e-12);
      }
    }
  }

  @ParameterizedTest
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  @CsvSource({"true, Float", "true, BFloat16", "false, Float", "false, BFloat16"})
  void onCudaGradientsAreThoseOfFloat64(boolean tied, String type) {
    ScalarType compute = ScalarType.valueOf(type);
    double bound = compute == ScalarType.Float ? 1e-4 : 0.05;
    Device cuda = new Device("cuda:0");
    try (Model model = random(tied);
        Trained exact = new Trained(model, CPU, ScalarType.Double)) {
      Map<String, Tensor> expected = exact.gradients(Recompute.NONE, 0.25);
      Map<String, Tensor> twice = exact.gradients(Recompute.NONE, 0.25);
      for (KernelMode mode : new KernelMode[] {KernelMode.FUSED, KernelMode.PLAIN}) {
        for (Recompute recompute : new Recompute[] {Recompute.NONE, Recompute.FULL}) {
          try (KernelMode.Setting kernels = mode.set();
              Trained found = new Trained(model, cuda, compute);
              Trained again = new Trained(model, cuda, compute)) {
            String how = mode + ", " + type;
            Map<String, Tensor> once = found.gradients(recompute, 0.25);
            Results.assertNear(how, expected, once, bound);
            Results.assertSame(once, again.gradients(recompute, 0.25));
            Results.assertNear(how + ", added", twice, found.gradients(recompute, 0.25), bound);
          }
        }
      }
    }
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void aFrozenTableHasNoGradientOnCuda() {
    for (boolean tied : new boolean[] {true, false}) {
      try (Model model = random(tied);
          Trained trained = new Trained(model, new Device("cuda:0"), ScalarType.BFloat16)) {
        trained.model.parameters().freeze(name -> name.equals("embedding.weight"));
        Map<String, Tensor> found = trained.gradients(Recompute.NONE, 1);
        assertFalse(found.containsKey("embedding.weight"));
        assertTrue(found.containsKey("norm.weight"));
        assertEquals(!tied, found.containsKey("head.weight"));
      }
    }
  }
}
