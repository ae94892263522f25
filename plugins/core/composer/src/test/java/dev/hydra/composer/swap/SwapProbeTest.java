package dev.hydra.composer.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Registration;
import dev.hydra.api.Site;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Models;
import dev.hydra.composer.model.OddMixer;
import dev.hydra.composer.model.Owner;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the probe finds in a component, and that it keeps its hands off the run. */
@ExtendWith(InScope.class)
class SwapProbeTest {
  /** With the weight of the running sum. */
  private static Registration mixer(Function<Tensor, Mixer> maker) {
    return OddMixer.of(
        site -> maker.apply(site.parameter("weight", Init.zeros(), site.width(), site.width())));
  }

  private static void refused(Registration registration, String reason) {
    refused(registration, ScalarType.Float, reason);
  }

  private static void refused(Registration registration, ScalarType compute, String reason) {
    try (Owner owner = new Owner(Models.build(Models.HYBRID, compute))) {
      Map<String, double[]> before = Models.values(owner.model);
      SwapReport report = owner.swap(SwapRequest.to(registration));
      assertEquals(SwapReport.Status.REFUSED, report.status());
      assertThat(report.reason()).contains(reason);
      assertUntouched(before, owner.model);
    }
  }

  private static void assertUntouched(Map<String, double[]> before, Model model) {
    Map<String, double[]> after = Models.values(model);
    assertEquals(before.keySet(), after.keySet());
    before.forEach((name, values) -> assertArrayEquals(values, after.get(name), name));
  }

  @Test
  void parametersThatAComponentChangesAreNotThoseOfTheRun() {
    Registration changing =
        mixer(
            weight ->
                (x, pass) -> {
                  try (Grad off = Grad.off()) {
                    weight.mul_(new Scalar(0.5));
                  }
                  return Tensors.linear(x, weight.detach());
                });
    try (Owner owner = new Owner(Models.hybrid())) {
      Map<String, double[]> before = Models.values(owner.model);
      SwapReport report = owner.swap(SwapRequest.to(changing).dry());
      assertEquals(SwapReport.Status.PREPARED, report.status(), report.reason());
      assertUntouched(before, owner.model);
    }
    refused(
        mixer(
            weight -> {
              try (Grad off = Grad.off()) {
                weight.zero_();
              }
              return (x, pass) -> Tensors.mul(x, Double.NaN);
            }),
        "not finite");
  }

  @Test
  void inputsBelongToOthersToo() {
    refused(mixer(weight -> (x, pass) -> x.mul_(new Scalar(2.0))), "in-place");
    refused(
        mixer(weight -> (x, pass) -> pass.training() ? x : x.mul_(new Scalar(2.0))),
        "blocks.0.mixer: it changes its input");
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16"})
  void aLittleOfTheNextTokenIsTooMuch(ScalarType compute) {
    double share = compute == ScalarType.Float ? 0.01 : 0.1;
    refused(
        mixer(
            weight ->
                (x, pass) -> {
                  long time = x.size(1);
                  Tensor next =
                      Tensors.cat(
                          1, Tensors.slice(x, 1, 1, time), Tensors.slice(x, 1, time - 1, time));
                  return x.add(Tensors.mul(next, share));
                }),
        compute,
        "not causal");
  }

  @Test
  void theEndOfTheTextIsNotThatOfAChunk() {
    refused(
        mixer(
            weight ->
                (x, pass) ->
                    // the first token of the next sixteen, as a wrong offset of chunks would take
                    x.add(
                        Tensors.mul(
                            x.index_select(
                                1,
                                torch
                                    .arange(new Scalar(x.size(1)))
                                    .floor_divide(new Scalar(16))
                                    .add(new Scalar(1))
                                    .mul(new Scalar(16))
                                    .clamp_max(new Scalar(x.size(1) - 1))
                                    .to(ScalarType.Long)),
                            0.01))),
        "not causal");
  }

  private static Mixer withTable(Site site, boolean sparse) {
    Tensor weight = site.parameter("weight", Init.zeros(), site.width(), site.width());
    Tensor table = site.parameter(ParameterSpec.table("rows", Init.normal(1), 11, site.width()));
    return (x, pass) ->
        Tensors.linear(x, weight).add(torch.embedding(table, pass.tokens(), -1, false, sparse));
  }

  @Test
  void tablesHaveSparseGradients() {
    refused(
        OddMixer.of(site -> withTable(site, false)),
        "parameter blocks.0.mixer.rows is a table, but its gradient is dense");
    try (Owner owner = new Owner(Models.hybrid())) {
      SwapReport report = owner.swap(SwapRequest.to(OddMixer.of(site -> withTable(site, true))));
      assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
    }
  }

  @Test
  void auxiliaryLossesAreFiniteScalars() {
    refused(
        mixer(
            weight ->
                (x, pass) -> {
                  pass.auxiliaryLoss("odd", Tensors.mul(weight.detach().sum(), Double.NaN));
                  return Tensors.linear(x, weight);
                }),
        "the loss blocks.0.mixer.odd is not finite");
    refused(
        mixer(
            weight ->
                (x, pass) -> {
                  pass.auxiliaryLoss("odd", weight.sum().unsqueeze(0));
                  return Tensors.linear(x, weight);
                }),
        "the loss blocks.0.mixer.odd has shape [1], not []");
  }
}
