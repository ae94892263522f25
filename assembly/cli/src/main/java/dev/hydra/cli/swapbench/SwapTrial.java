package dev.hydra.cli.swapbench;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.cli.swap.ControlClient;
import dev.hydra.cli.swap.SwapChannel;
import dev.hydra.cli.swap.SwapOrder;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.RunFolder;
import dev.hydra.trainer.run.StepReport;
import dev.hydra.trainer.run.Trainer;
import dev.hydra.trainer.run.TrainingListener;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.bytedeco.pytorch.Device;

/**
 * A short training whose components are swapped through its socket at chosen steps: it waits until
 * what was asked for is ready or refused, so that a swap takes place at the step that it is for, or
 * one later where that step was launched already.
 */
public final class SwapTrial implements TrainingListener {
  /** What is asked for before a step. */
  @FunctionalInterface
  interface Plan {
    List<SwapOrder> at(int step) throws IOException;
  }

  /**
   * What became of a request.
   *
   * @param json the answer
   * @param millis from asking to the answer
   */
  public record Answer(Map<String, Object> json, double millis) {
    public boolean switched() {
      return "switched".equals(json.get("status"));
    }

    String reason() {
      return String.valueOf(json.get("reason"));
    }
  }

  private final Config config;
  private final CountedPlugins plugins;
  private final Device device;
  private final RunFolder folder;
  private final int steps;
  private final Plan plan;
  private final List<Double> losses = new ArrayList<>();
  private final List<Answer> answers = new ArrayList<>();
  private final List<Future<Answer>> asked = new ArrayList<>();
  private int planned = -1;

  /**
   * A training.
   *
   * @param steps how many it makes
   */
  SwapTrial(
      Config config, CountedPlugins plugins, Device device, Path folder, int steps, Plan plan) {
    this.config =
        ConfigFactory.parseString("trainer { log-every = 1, steps = " + (steps + 1000) + " }")
            .withFallback(config);
    this.plugins = plugins;
    this.device = device;
    this.folder = new RunFolder(folder);
    this.steps = steps;
    this.plan = plan;
  }

  /** Trains; gives the plugins of the sites at the end, by path. */
  Map<SitePath, SwapReport.Version> run() throws IOException {
    Experiment experiment = Experiment.read(config, plugins.registry(), Installation.dataRoots());
    ExecutorService clients = Executors.newCachedThreadPool();
    SwapChannel channel =
        new SwapChannel(folder, plugins, RunPlugins.of(folder.path(), config), line -> {});
    try (Trainer trainer =
        new Trainer(
            experiment,
            experiment.open(Installation.dataRoots(), bytes -> {}),
            plugins.components(Map.of()),
            device,
            folder,
            channel,
            this)) {
      try (channel) {
        trainer.run(() -> boundary(trainer, clients));
      }
      return trainer.swapper().list();
    } finally {
      clients.shutdownNow();
      plugins.removeAdded();
    }
  }

  private boolean boundary(Trainer trainer, ExecutorService clients) {
    int step = losses.size();
    if (step > planned && step < steps) {
      planned = step;
      try {
        plan.at(step).forEach(order -> asked.add(clients.submit(() -> ask(order))));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    while (!trainer.swapper().pending() && !asked.stream().allMatch(Future::isDone)) {
      LockSupport.parkNanos(100_000);
    }
    for (Iterator<Future<Answer>> each = asked.iterator(); each.hasNext(); ) {
      Future<Answer> next = each.next();
      if (next.isDone()) {
        each.remove();
        answers.add(get(next));
      }
    }
    return step >= steps && asked.isEmpty();
  }

  private Answer ask(SwapOrder order) throws IOException {
    long begin = System.nanoTime();
    Map<String, Object> answer = ControlClient.ask(folder.path(), order.json());
    return new Answer(answer, (System.nanoTime() - begin) / 1e6);
  }

  private static Answer get(Future<Answer> asked) {
    try {
      return asked.get();
    } catch (InterruptedException | ExecutionException e) {
      throw new IllegalStateException("a request was not answered", e);
    }
  }

  /** The losses of the steps. */
  List<Double> losses() {
    return losses.subList(0, steps);
  }

  /** What became of the requests, in their order. */
  List<Answer> answers() {
    return answers;
  }

  @Override
  public void stepped(StepReport report) {
    losses.add(report.loss());
  }

  @Override
  public void warned(String message) {
    throw new IllegalStateException(message);
  }
}
