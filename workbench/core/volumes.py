"""What volume says about price: the average that was paid, and the balance of rising and falling volume."""

from __future__ import annotations

from workbench.core.indicator import Indicator, Window, whole


class Vwap(Window):
    """Price of the last `window` updates weighed by their volume; the newest price where no volume was traded.

    Ready with update `window`; before, of what came. Exactly p where all prices are p. Volumes are 0 or more.
    """

    means: list[float]
    volumes: list[float]
    mean: float = 0.0  # of the newer prices
    volume: float = 0.0

    @classmethod
    def of(cls, window: int) -> Vwap:
        return cls(window=whole("Vwap: window", window), means=[0.0] * window, volumes=[0.0] * window)

    def update(self, price: float, volume: float) -> float:
        place = self.place
        count = place + 1
        total = self.volume + volume
        mean = self.mean
        if volume > 0.0:
            mean += (price - mean) * (volume / total)
        self.means[place] = price
        self.volumes[place] = volume
        self.mean = mean
        self.volume = total
        self.place = count
        if count == self.window:
            folded = 0.0
            weight = 0.0
            for at in range(place, -1, -1):
                weight += self.volumes[at]
                if self.volumes[at] > 0.0:
                    folded += (self.means[at] - folded) * (self.volumes[at] / weight)
                self.means[at] = folded
                self.volumes[at] = weight
            self.mean = 0.0
            self.volume = 0.0
            self.place = 0
            self.full = True
        elif self.full and self.volumes[count] > 0.0:
            older = self.means[count]
            total += self.volumes[count]
            mean = older + (mean - older) * (self.volume / total)
        return mean if total > 0.0 else price


class AnchoredVwap(Indicator):
    """Price since the first update weighed by its volume; the newest price while no volume was traded.

    Ready with the first volume above 0. Volumes are 0 or more.
    """

    mean: float = 0.0
    volume: float = 0.0

    @classmethod
    def of(cls) -> AnchoredVwap:
        return cls()

    def update(self, price: float, volume: float) -> float:
        if volume > 0.0:
            self.volume += volume
            self.mean += (price - self.mean) * (volume / self.volume)
        return self.mean if self.volume > 0.0 else price

    @property
    def ready(self) -> bool:
        return self.volume > 0.0


class Obv(Indicator):
    """On-balance volume, an exact integer: plus the volume where price rose, minus where it fell, from 0 on.

    Ready with update 2, the first that has a price before it.
    """

    total: int = 0
    last: int = 0
    count: int = 0  # up to 2

    @classmethod
    def of(cls) -> Obv:
        return cls()

    def update(self, price: int, volume: int) -> int:
        if self.count > 0:
            if price > self.last:
                self.total += volume
            elif price < self.last:
                self.total -= volume
        if self.count < 2:
            self.count += 1
        self.last = price
        return self.total

    @property
    def ready(self) -> bool:
        return self.count == 2
