package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.ConfigFactory;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizationTest {
  private static final Sampling GREEDY = new Sampling(0, 0, 1, 0);

  /** Every token goes through every expert, so that rounding chooses none. */
  private static final String WIDE =
      """
      model.width = 128
      model.tie-embeddings = %s
      model.vocab-size = 160
      model.block.paths = [
        { mixer { type = mamba2, state = 8, head-dim = 16 }, gate = 1.0 }
        { mixer { type = full, heads = 2 }, name = attention, gate = 1.0, at = "1::2" }
        { ffn { type = moe, experts = 2, hidden = 128
                router { type = chunk-topk, chunk = 5, top-k = 2 } }, gate = 1.0, at = "::2" }
        { ffn { type = swiglu, hidden = 256 }, gate = 1.0, at = "1::2" }
      ]
      """;

  private static Model model(boolean tied) {
    return model(Devices.cpu(), tied);
  }

  static Model model(Device device, boolean tied) {
    Model model = Trial.model(new Placement(device, ScalarType.BFloat16), WIDE.formatted(tied));
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      // One large number in each row makes the others coarse, so that rounding shows.
      for (Tensor weight : Quantization.weights(model)) {
        if (weight.dim() == 2 && weight.size(1) >= 128) {
          Tensor column = weight.select(1, 3);
          column.copy_(Tensors.mul(column, 8.0));
        }
      }
    }
    return model;
  }

  static Engine engine(
      Model model, int sessions, @Nullable Swapper swapper, Quantization quantization) {
    return new Engine(
        model,
        EngineSettings.of(new EngineLimits(sessions, 100, 1000, 7, 0))
            .withSwapper(swapper)
            .withQuantization(quantization));
  }

  private static Request request(int[] prompt) {
    return new Request(prompt, 8, GREEDY, Set.of(), new Request.ScoreRequest(true, true, 0));
  }

  static List<Trial.Heard> heard(Engine engine, List<int[]> prompts) {
    List<Trial.Heard> all = new ArrayList<>();
    for (int[] prompt : prompts) {
      all.add(new Trial.Heard());
      engine.open(request(prompt), all.get(all.size() - 1));
    }
    while (engine.step()) {}
    all.forEach(each -> assertThat(each.problem).isNull());
    return all;
  }

  /** How far the scores of a session are from those that a model gives all of its text. */
  private static double off(Model model, int[] prompt, Trial.Heard heard) {
    int[] text = new int[prompt.length + heard.tokens.size()];
    System.arraycopy(prompt, 0, text, 0, prompt.length);
    for (int i = 0; i < heard.tokens.size(); i++) {
      text[prompt.length + i] = heard.tokens.get(i);
    }
    double[] expected = new SequenceScorer(model).logProbabilities(text);
    List<TokenScore> scores = new ArrayList<>(heard.prompt);
    scores.addAll(heard.scores);
    assertEquals(expected.length, scores.size());
    double most = 0;
    for (int i = 0; i < expected.length; i++) {
      most = Math.max(most, Math.abs(expected[i] - scores.get(i).logProbability()));
    }
    return most;
  }

  /** The mean of that over texts. */
  static double off(Model model, List<int[]> prompts, List<Trial.Heard> heard) {
    return IntStream.range(0, heard.size())
        .mapToDouble(i -> off(model, prompts.get(i), heard.get(i)))
        .average()
        .orElseThrow();
  }

  static List<int[]> prompts() {
    SplittableRandom random = new SplittableRandom(5);
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      prompts.add(random.ints(2 + random.nextInt(20), 0, Trial.VOCABULARY).toArray());
    }
    return prompts;
  }

  /** Prompts, few texts and many are computed in different ways, by the same rounded weights. */
  @ParameterizedTest
  @CsvSource({"true, INT8", "false, INT8", "false, INT4"})
  void aTextIsOfTheSameWeightsWhateverIsBesideIt(boolean tied, Quantization quantization) {
    List<int[]> prompts = prompts();
    try (Model rounded = model(tied);
        Model whole = model(tied)) {
      for (int together : new int[] {1, 3, 9}) {
        try (Engine engine = engine(rounded, together, null, quantization)) {
          List<Trial.Heard> heard = heard(engine, prompts);
          double fromRounded = off(rounded, prompts, heard);
          double fromWhole = off(whole, prompts, heard);
          assertThat(fromRounded).as("%d at a time", together).isLessThan(fromWhole / 2);
        }
      }
    }
  }

  /** To the last digit: in int8 a row's sums are the same in steps of any number of rows. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aTextInInt8IsTheSameWhateverIsBesideIt(boolean tied) {
    try (Model model = model(tied)) {
      List<List<TokenScore>> alone = scores(model, 1);
      for (int together : new int[] {2, 4, 5, 9}) {
        assertThat(scores(model, together)).as("%d at a time", together).isEqualTo(alone);
      }
    }
  }

  private static List<List<TokenScore>> scores(Model model, int together) {
    try (Engine engine = engine(model, together, null, Quantization.INT8)) {
      List<Trial.Heard> heard = new ArrayList<>();
      Request.ScoreRequest drawn = new Request.ScoreRequest(false, true, 0);
      for (int[] prompt : prompts()) {
        heard.add(new Trial.Heard());
        engine.open(
            new Request(prompt, 40, new Sampling(1, 0, 1, 3), Set.of(), drawn),
            heard.get(heard.size() - 1));
      }
      while (engine.step()) {}
      heard.forEach(each -> assertThat(each.problem).isNull());
      return heard.stream().map(each -> each.scores).toList();
    }
  }

  @ParameterizedTest
  @EnumSource(names = "NONE", mode = Mode.EXCLUDE)
  void whatIsSwappedInIsRoundedAndMultipliedByIntegers(Quantization quantization)
      throws InterruptedException {
    try (Model model = model(false);
        Swapper swapper = new Swapper(model, SwapHost.none());
        Engine engine = engine(model, 2, swapper, quantization)) {
      Map<String, Tensor> opened = values(model);
      quantization.round(model);
      assertThat(changed(opened, model)).as("an engine rounds when it is opened").isEmpty();
      Trial.Heard heard = new Trial.Heard();
      int[] prompt = {3, 1, 4, 1, 5};
      engine.open(new Request(prompt, 30, GREEDY, Set.of()), heard);
      engine.step();
      SwapRequest anew =
          SwapRequest.configure(ConfigFactory.parseString("hidden = 192"), "blocks.1.ffn2")
              .withUnexpectedKeys(UnexpectedKeys.DROP);
      CompletableFuture<SwapReport> report =
          CompletableFuture.supplyAsync(() -> swapper.swap(anew));
      while (!swapper.pending() && !report.isDone()) {
        Thread.sleep(1);
      }
      while (engine.step()) {}
      assertThat(heard.problem).isNull();
      assertEquals(SwapReport.Status.SWITCHED, report.join().status(), report.join().reason());
      assertThat(heard.tokens).hasSize(30);
      Map<String, Tensor> swapped = values(model);
      assertThat(changed(opened, model)).isNotEmpty().allMatch(name -> name.contains("ffn2"));
      quantization.round(model);
      assertThat(changed(swapped, model)).as("and what is swapped in").isEmpty();
      close(opened);
      close(swapped);
    }
  }

  private static Map<String, Tensor> values(Model model) {
    Map<String, Tensor> values = new LinkedHashMap<>();
    try (Grad off = Grad.off()) {
      model
          .parameters()
          .all()
          .forEach(each -> values.put(each.name(), each.working().detach().clone()));
    }
    return values;
  }

  private static List<String> changed(Map<String, Tensor> before, Model model) {
    return model.parameters().all().stream()
        .filter(each -> !each.working().equal(before.get(each.name())))
        .map(each -> each.name())
        .toList();
  }

  private static void close(Map<String, Tensor> values) {
    values.values().forEach(Tensor::close);
  }

  @ParameterizedTest
  @EnumSource(names = "NONE", mode = Mode.EXCLUDE)
  void otherTypesAreRefused(Quantization quantization) {
    try (Model model = Trial.model()) {
      assertThatThrownBy(() -> engine(model, 1, null, quantization))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("not in fp32: ")
          .hasMessageContaining("compute in bfloat16");
    }
  }

  /** Rows of 264 are no multiple of 32: it is said once, not after each swap. */
  @Test
  void whatDoesNotFitIsSaidOnce() {
    List<String> said = new ArrayList<>();
    try (Model model =
            Trial.model(
                new Placement(Devices.cpu(), ScalarType.BFloat16),
                WIDE.formatted(false).replace("256", "264"));
        DecodingWeights weights = new DecodingWeights(model, Quantization.INT4, said::add)) {
      weights.changed();
      assertThat(said).singleElement().asString().contains("int4").contains("128 x 264");
    }
  }

  @Test
  void leavesNothingBehind() {
    try (Model model = model(true)) {
      Handles.assertFreesItself(
          20,
          () -> {
            try (Engine engine = engine(model, 2, null, Quantization.INT8)) {
              heard(engine, List.of(new int[] {1, 2, 3}, new int[] {4, 5}));
            }
          });
    }
  }
}
