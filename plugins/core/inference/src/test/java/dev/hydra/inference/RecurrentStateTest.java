package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.model.DecodingMemory;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.runtime.Devices;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** States of recurrences that are kept in 16 bits. */
class RecurrentStateTest {
  private static final Sampling GREEDY = new Sampling(0, 0, 1, 0);

  private static Model model(ScalarType recurrent) {
    return Trial.model(new Placement(Devices.cpu(), ScalarType.Float, recurrent), "");
  }

  private static List<Trial.Heard> answers(Engine engine, List<int[]> prompts) {
    List<Trial.Heard> heard = new ArrayList<>();
    for (int[] prompt : prompts) {
      heard.add(new Trial.Heard());
      engine.open(new Request(prompt, 30, GREEDY, Set.of()), heard.get(heard.size() - 1));
    }
    return heard;
  }

  private static List<Integer> alone(Model model, int[] prompt) {
    try (Engine engine = Trial.engine(model, 1, 0)) {
      List<Trial.Heard> heard = answers(engine, List.of(prompt));
      while (engine.step()) {}
      return heard.get(0).tokens;
    }
  }

  /** Of mamba2 there are 4 layers with 64 channels of 8 elements. */
  @Test
  void takeHalfTheMemory() {
    try (Model whole = model(ScalarType.Float);
        Model half = model(ScalarType.Half)) {
      double saved =
          DecodingMemory.state(whole, ScalarType.Float, 100)
              - DecodingMemory.state(half, ScalarType.Float, 100);
      assertEquals(4 * 64 * 8 * 2, saved);
    }
  }

  @ParameterizedTest
  @CsvSource({"Float, 0, 1e-4", "Half, 1e-6, 5e-3", "BFloat16, 1e-5, 5e-2"})
  void textsAreAboutAsLikely(ScalarType type, double least, double most) {
    int[] text = new SplittableRandom(3).ints(200, 0, Trial.VOCABULARY).toArray();
    try (Model model = model(type);
        SequenceScorer whole = new SequenceScorer(model);
        SequenceScorer decoding = SequenceScorer.decoding(model)) {
      double[] expected = whole.logProbabilities(text);
      double[] found = decoding.logProbabilities(text);
      double off = 0;
      for (int i = 0; i < found.length; i++) {
        off = Math.max(off, Math.abs(found[i] - expected[i]));
      }
      assertThat(off).isBetween(least, most);
    }
  }

  /** What is in float32 already is not advised. */
  @ParameterizedTest
  @CsvSource({
    "Float, Float, ''",
    "BFloat16, Float, --precision fp32",
    "Float, Half, '--mamba-ssm-cache-dtype float32 (or bfloat16, whose range is as wide)'",
    "BFloat16, BFloat16, '--mamba-ssm-cache-dtype float32, then --precision fp32'"
  })
  void anOverflowNamesTheOptionsOfWiderTypes(ScalarType compute, ScalarType state, String wider) {
    Placement placement = new Placement(Devices.cpu(), compute, state);
    NotFiniteException found = NotFiniteException.logits(placement);
    assertEquals(wider, found.wider());
    assertThat(found)
        .hasMessageEndingWith(wider.isEmpty() ? "take another checkpoint" : "try " + wider);
  }

  /** What a kept prefix holds is what the prompt left: the same bits. */
  @ParameterizedTest
  @EnumSource(names = {"Half", "BFloat16"})
  void keptPrefixesGoOnAsTheyWere(ScalarType type) {
    int[] prompt = new SplittableRandom(1).ints(40, 0, Trial.VOCABULARY).toArray();
    try (Model model = model(type);
        Engine engine = Trial.engine(model, 4, 1 << 22)) {
      List<Integer> expected = alone(model, prompt);
      for (int i = 0; i < 2; i++) {
        List<Trial.Heard> heard = answers(engine, List.of(prompt));
        while (engine.step()) {}
        assertEquals(expected, heard.get(0).tokens);
      }
      assertEquals(39, engine.statistics().snapshot().reusedTokens());
    }
  }

  /** Prompts of one piece each: where others are cut depends on what is beside them. */
  @ParameterizedTest
  @EnumSource(names = {"Half", "BFloat16"})
  void componentsAreSwappedUnderLoad(ScalarType type) throws InterruptedException {
    SplittableRandom random = new SplittableRandom(21);
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      prompts.add(Trial.prompt(random, 6));
    }
    try (Model model = model(type);
        Swapper swapper = new Swapper(model, SwapHost.none());
        Engine engine =
            new Engine(
                model, EngineSettings.of(new EngineLimits(6, 6, 100, 7, 0)).withSwapper(swapper))) {
      List<Trial.Heard> heard = answers(engine, prompts);
      List<CompletableFuture<SwapReport>> reports = Trial.runAndSwap(engine, swapper);
      assertThat(reports).hasSizeGreaterThan(2);
      for (CompletableFuture<SwapReport> report : reports) {
        assertEquals(SwapReport.Status.SWITCHED, report.join().status(), report.join().reason());
      }
      for (int i = 0; i < prompts.size(); i++) {
        assertEquals(
            alone(model, prompts.get(i)),
            heard.get(i).tokens,
            "after " + Arrays.toString(prompts.get(i)));
      }
    }
  }
}
