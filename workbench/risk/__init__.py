"""The room that may say no: limits, the gate that alone approves orders, and drawdown."""
