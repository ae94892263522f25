package dev.hydra.composer.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.Init;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Models;
import dev.hydra.composer.model.OddMixer;
import dev.hydra.composer.model.Owner;
import dev.hydra.composer.model.Texts;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Swaps that must not happen: the model stays as it is, and somebody says why. */
@ExtendWith(InScope.class)
class SwapRefusalTest {
  private static final Tensor INPUT = Models.tokens(1, 2, 3, 4, 5);

  /** A class that cannot be initialised. */
  private static final class Broken {
    static final int VALUE = Integer.parseInt("none");
  }

  private static void refused(SwapRequest request, String reason) {
    refused(request, Long.MAX_VALUE, reason);
  }

  private static void refused(SwapRequest request, long room, String reason) {
    try (Owner owner = new Owner(Models.hybrid(), room)) {
      Tensor before = Models.hidden(owner.model, INPUT);
      var parameters = owner.model.parameters().byName();
      SwapReport report = owner.swap(request);
      assertEquals(SwapReport.Status.REFUSED, report.status());
      assertThat(report.reason()).contains(reason);
      assertTrue(before.equal(Models.hidden(owner.model, INPUT)));
      assertEquals(parameters, owner.model.parameters().byName());
      assertThat(owner.swapper.list().values())
          .noneMatch(version -> version.plugin().version().equals("2.0"));
    }
  }

  private static SwapRequest mixing(UnaryOperator<Tensor> function) {
    return SwapRequest.to(OddMixer.stateless((x, pass) -> function.apply(x)));
  }

  private static Registration taking(String name, long... shape) {
    return OddMixer.of(
        site -> {
          Tensor weight = site.parameter("weight", Init.zeros(), site.width(), site.width());
          site.parameter(name, Init.zeros(), shape);
          return (x, pass) -> Tensors.linear(x, weight);
        });
  }

  @Test
  void failingConstructors() {
    refused(
        SwapRequest.to(
            OddMixer.of(
                site -> {
                  throw new UnsupportedOperationException("not today");
                })),
        "component running-sum (odd 2.0) at blocks.0.mixer cannot be created:"
            + " java.lang.UnsupportedOperationException: not today");
    refused(
        SwapRequest.to(
            OddMixer.of(
                site -> {
                  throw new StackOverflowError();
                })),
        "StackOverflowError");
  }

  @Test
  void exceptionsThatCannotBeDescribed() {
    refused(
        SwapRequest.to(
            OddMixer.of(
                site -> {
                  throw new Mute();
                })),
        "Mute");
    refused(
        SwapRequest.to(
            OddMixer.of(
                site -> {
                  Error one = new Error("one");
                  one.initCause(new Error("two", one));
                  throw one;
                })),
        "one");
  }

  /** Fails to say what is wrong. */
  private static final class Mute extends Error {
    private static final long serialVersionUID = 1;

    @Override
    public String getMessage() {
      throw new IllegalStateException();
    }
  }

  @Test
  void failingStaticInitialisers() {
    refused(
        SwapRequest.to(
            OddMixer.of(
                site -> {
                  double factor = Broken.VALUE;
                  return (x, pass) -> Tensors.mul(x, factor);
                })),
        "because of java.lang.NumberFormatException");
  }

  @Test
  void whatHangs() throws InterruptedException {
    CountDownLatch end = new CountDownLatch(1);
    List<Thread> left = new CopyOnWriteArrayList<>();
    Runnable hang =
        () -> {
          left.add(Thread.currentThread());
          while (end.getCount() > 0) {
            Thread.onSpinWait(); // minds no interrupt
          }
        };
    refused(
        SwapRequest.to(
                OddMixer.of(
                    site -> {
                      hang.run();
                      return (x, pass) -> x;
                    }))
            .within(Duration.ofMillis(300)),
        "not done after 300 ms; its thread is left behind");
    refused(
        mixing(
                x -> {
                  hang.run();
                  return x;
                })
            .within(Duration.ofMillis(300)),
        "not done after 300 ms");
    assertThat(left).isNotEmpty();
    end.countDown();
    for (Thread thread : left) {
      thread.join(10_000); // or their handles would be counted in other tests
      assertFalse(thread.isAlive());
    }
  }

  @Test
  void whatComesOut() {
    refused(mixing(x -> Tensors.mul(x, Double.NaN)), "blocks.0.mixer: the output is not finite");
    refused(
        mixing(x -> Tensors.slice(x, 2, 0, 3)), "the output has shape [2, 80, 3], not [2, 80, 4]");
    refused(mixing(x -> x.to(ScalarType.Double)), "the output is Double, not Float");
    refused(
        mixing(x -> x.add(x.mean(new long[] {1}, true, new ScalarTypeOptional()))),
        "blocks.0.mixer: it is not causal");
    refused(mixing(x -> x.flip(1)), "not causal");
  }

  @Test
  void gradientsThatAreNotFinite() {
    refused(
        SwapRequest.to(
            OddMixer.of(
                site -> {
                  Tensor weight =
                      site.parameter("weight", Init.zeros(), site.width(), site.width());
                  return (x, pass) -> x.add(weight.sum().sub(weight.sum()).abs().sqrt());
                })),
        "the gradient of blocks.0.mixer.weight is not finite");
  }

  @Test
  void parametersThatDoNotFit() {
    refused(
        SwapRequest.to(taking("more", 1000, 1000)),
        1 << 20,
        "no memory for parameter blocks.0.mixer.more [1000, 1000]");
    refused(
        SwapRequest.to(taking("huge", 1L << 40, 1L << 40)),
        "no memory for parameter blocks.0.mixer.huge");
    refused(
        SwapRequest.to(taking("weight", 3)), "parameter blocks.0.mixer.weight has shape [4, 4]");
    refused(
        SwapRequest.to(OddMixer.of(site -> (x, pass) -> x)),
        "does not ask for parameter blocks.0.mixer.weight; with policy drop");
  }

  @Test
  void mistakesInRequests() {
    refused(
        SwapRequest.configure(Texts.config("heads = 3"), "blocks.0.mixer"),
        "heads: must divide the width 4");
    refused(
        SwapRequest.configure(Texts.config("head = 2"), "blocks.0.mixer"),
        "unknown key \"head\"; did you mean \"heads\"?");
    refused(
        SwapRequest.configure(Texts.config("type = runing-sum"), "blocks.0.mixer"),
        "did you mean \"running-sum\"?");
    refused(
        SwapRequest.configure(Texts.config("heads = 1"), "blocks.7.mixer"),
        "there is no site like blocks.7.mixer in the model; did you mean blocks.0.mixer? Sites:"
            + " blocks.*.mixer, blocks.*.ffn");
    refused(
        SwapRequest.configure(Texts.config("heads = 1"), "blocks.*.mixer", "blocks.*.fnn"),
        "there is no site like blocks.*.fnn in the model; did you mean blocks.*.ffn?");
    refused(
        SwapRequest.to(taking("more", 1)).at("everything"),
        "there is no site like everything in the model. Sites: blocks.*.mixer,");
    refused(
        SwapRequest.to(taking("more", 1)).at("blocks.*.ffn"),
        "there is no site like blocks.*.ffn with a component of type [running-sum] in the model;"
            + " there are components of type [");
  }

  /** A host that cannot follow. */
  private record Unable(SwapHost host) implements SwapHost {
    @Override
    public Participant prepare(Change change) {
      Participant participant = host.prepare(change);
      return new Participant() {
        @Override
        public void begin() {
          participant.begin();
        }

        @Override
        public void switched() {
          throw new IllegalStateException("unable");
        }

        @Override
        public void rolledBack() {
          participant.rolledBack();
        }

        @Override
        public void close() {
          participant.close();
        }
      };
    }

    @Override
    public void reported(SwapReport report) {
      host.reported(report);
    }

    @Override
    public boolean canRollBack() {
      return host.canRollBack();
    }
  }

  @Test
  void aHostThatCannotFollowLeavesTheModelAsItWas() {
    Model model = Models.hybrid();
    try (Owner owner = new Owner(model, new Unable(SwapHost.none()), Long.MAX_VALUE)) {
      Tensor before = Models.hidden(model, INPUT);
      var parameters = model.parameters().byName();
      SwapReport report = owner.swap(SwapRequest.to(taking("more", 3)));
      assertEquals("unable", report.reason());
      assertSame(parameters, model.parameters().byName());
      assertTrue(before.equal(Models.hidden(model, INPUT)));
      assertThat(owner.swapper.list().values())
          .noneMatch(version -> version.plugin().version().equals("2.0"));
    }
  }

  @Test
  void nothingIsLeftBehind() {
    try (Owner owner = new Owner(Models.hybrid())) {
      SwapRequest nan =
          SwapRequest.to(
              OddMixer.of(
                  site -> {
                    Tensor more = site.parameter("more", Init.ones(), 9);
                    return (x, pass) -> Tensors.mul(x, Double.NaN).add(more.sum());
                  }));
      Handles.assertFreesItself(
          20, () -> assertEquals(SwapReport.Status.REFUSED, owner.swap(nan).status()));
    }
  }
}
