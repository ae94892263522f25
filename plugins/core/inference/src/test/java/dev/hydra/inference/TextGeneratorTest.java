package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TextGeneratorTest {
  private static final Sampling GREEDY = new Sampling(0, 0, 1, 0);
  private static final int PAD = 7;

  private static Model model;

  @BeforeAll
  static void build() {
    model = Trial.model();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static TextGenerator generator() {
    return new TextGenerator(model, Trial.VOCABULARY, GenerationSettings.NONE);
  }

  private static Request request(int[] prompt, int tokens, Sampling sampling) {
    return new Request(prompt, tokens, sampling, Set.of());
  }

  private static List<Integer> drawn(TextGenerator generator, Request request) {
    List<Integer> tokens = new ArrayList<>();
    FinishReason reason = generator.generate(request, () -> false, tokens::add);
    assertEquals(FinishReason.LENGTH, reason);
    return tokens;
  }

  private static int[] prompt(int length) {
    return new SplittableRandom(length).ints(length, 0, Trial.VOCABULARY).toArray();
  }

  /** The likeliest tokens, by a forward over the whole text for each of them. */
  private static List<Integer> likeliest(int[] prompt, int tokens, boolean padded) {
    int[] text = prompt;
    for (int i = 0; i < tokens; i++) {
      try (PointerScope scope = new PointerScope();
          Grad off = Grad.off();
          ModelState state = new ModelState();
          ForwardContext forward = ForwardContext.evaluation().with(state)) {
        if (padded) {
          long[] mask = new long[text.length];
          Arrays.setAll(mask, at -> at < prompt.length && prompt[at] == PAD ? 1 : 0);
          forward.padded(Tensor.create(mask).view(1, -1).to(ScalarType.Bool));
        }
        Tensor hidden = model.hidden(SequenceScorer.ids(model, text), forward);
        Tensor last = Tensors.slice(hidden, 1, text.length - 1, text.length);
        int next = (int) Tensors.integers(model.logits(last).view(-1).argmax().view(1))[0];
        text = Arrays.copyOf(text, text.length + 1);
        text[text.length - 1] = next;
      }
    }
    return Arrays.stream(text, prompt.length, text.length).boxed().toList();
  }

  /** A prompt of 1,100 tokens is read in three chunks. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 40, 1100})
  void drawsWhatForwardsOverTheWholeTextGive(int length) {
    int tokens = length > 100 ? 3 : 25;
    assertEquals(
        likeliest(prompt(length), tokens, false),
        drawn(generator(), request(prompt(length), tokens, GREEDY)));
  }

  /** Wherever in the prompt it stands, also if nothing else is before the last token. */
  @Test
  void paddingFillsAPromptUp() {
    TextGenerator padding =
        new TextGenerator(
            model, Trial.VOCABULARY, new GenerationSettings(List.of(), Optional.of(PAD)));
    for (int[] prompt :
        new int[][] {
          {PAD, PAD, 3, 4, 5}, {3, PAD, 4, 5}, {PAD, 3}, {PAD, PAD, PAD, 3},
        }) {
      assertEquals(
          likeliest(prompt, 12, true),
          drawn(padding, request(prompt, 12, GREEDY)),
          Arrays.toString(prompt));
    }
    for (int[] prompt : new int[][] {{PAD}, {PAD, PAD, PAD}}) {
      assertEquals(
          likeliest(prompt, 12, false),
          drawn(padding, request(prompt, 12, GREEDY)),
          "nothing but padding: " + Arrays.toString(prompt));
    }
  }

  /** As a server has it: other texts are continued beside, and prefixes are kept. */
  @Test
  void aSeedGivesTheTextOfAnEngineWithManySessions() {
    Sampling sampling = new Sampling(0.9, 20, 0.95, 0.01, 1.1, 0.2, 0.1, Map.of(3, 1.0), 5);
    Request request = request(prompt(30), 40, sampling);
    Trial.Heard heard = new Trial.Heard();
    try (Engine engine = Trial.engine(model, 4, 1 << 20)) {
      engine.open(request(prompt(12), 20, GREEDY), new Trial.Heard());
      engine.step();
      engine.open(request, heard);
      engine.open(request(prompt(7), 60, sampling.withSeed(6)), new Trial.Heard());
      while (engine.step()) {}
    }
    assertEquals(heard.tokens, drawn(generator(), request));
    assertThat(drawn(generator(), request(prompt(30), 40, sampling.withSeed(6))))
        .isNotEqualTo(heard.tokens);
  }

  @Test
  void endsWhenAsked() {
    Request request = request(prompt(9), 100_000, GREEDY);
    List<Integer> all = drawn(generator(), request(prompt(9), 20, GREEDY));
    List<Integer> tokens = new ArrayList<>();
    assertEquals(
        FinishReason.CANCELLED,
        generator().generate(request, () -> tokens.size() == 6, tokens::add));
    assertEquals(all.subList(0, 6), tokens, "what was drawn stays");
    tokens.clear();
    assertEquals(
        FinishReason.STOP,
        generator()
            .generate(
                request,
                () -> false,
                token -> {
                  tokens.add(token);
                  return tokens.size() < 4;
                }));
    assertEquals(all.subList(0, 4), tokens);
    tokens.clear();
    int end = all.get(7);
    Request ended = new Request(prompt(9), 20, GREEDY, Set.of(end));
    assertEquals(FinishReason.STOP, generator().generate(ended, () -> false, tokens::add));
    assertEquals(all.subList(0, all.indexOf(end) + 1), tokens);
  }

  @Test
  void aLongPromptIsNotReadToItsEndWhenStopped() {
    int[] asked = {0};
    List<Integer> tokens = new ArrayList<>();
    assertEquals(
        FinishReason.CANCELLED,
        generator()
            .generate(request(prompt(20_000), 5, GREEDY), () -> asked[0]++ == 2, tokens::add));
    assertThat(tokens).isEmpty();
    assertEquals(3, asked[0]);
  }

  @Test
  void nothingIsDrawnWhereNothingIsAskedFor() {
    assertThat(drawn(generator(), request(prompt(3), 0, GREEDY))).isEmpty();
  }

  @Test
  void whatGoesWrongIsThrown() {
    assertThrows(
        IllegalArgumentException.class,
        () -> generator().generate(request(new int[0], 1, GREEDY), () -> false, token -> true));
    assertThrows(
        IllegalArgumentException.class,
        () -> generator().generate(request(new int[] {97}, 1, GREEDY), () -> false, token -> true));
    IllegalStateException own = new IllegalStateException("the screen is gone");
    assertEquals(
        own,
        assertThrows(
            IllegalStateException.class,
            () ->
                generator()
                    .generate(
                        request(prompt(3), 1, GREEDY),
                        () -> false,
                        token -> {
                          throw own;
                        })));
    Placement cpu = new Placement(Devices.cpu(), ScalarType.Float);
    try (Model infinite = Trial.model(cpu, "model.logits-scale = 1e300")) {
      TextGenerator generator =
          new TextGenerator(infinite, Trial.VOCABULARY, GenerationSettings.NONE);
      assertThrows(
          NotFiniteException.class,
          () -> generator.generate(request(prompt(3), 1, GREEDY), () -> false, token -> true));
    }
  }

  @Test
  void leavesNothingBehind() {
    Handles.assertFreesItself(
        20,
        () -> {
          Sampling sampling = new Sampling(1, 4, 0.9, 0, 1.2, 0.1, 0, Map.of(), 1);
          List<Integer> tokens = new ArrayList<>();
          generator().generate(request(prompt(5), 9, sampling), () -> false, tokens::add);
          generator()
              .generate(request(prompt(5), 9, sampling), () -> tokens.size() > 12, tokens::add);
          assertEquals(IntStream.rangeClosed(1, 13).count(), tokens.size());
        });
  }
}
